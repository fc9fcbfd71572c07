"""Lint: all faults of a file in one pass, warnings for what is hardly meant, data sets against nets."""

import pytest

from darkpy.tasks.lint import lint
from tests.shared import ROOT

GOOD = """[net]
batch=8
subdivisions=2
width=64
height=64
channels=3
learning_rate=.001
max_batches=100
policy=steps
steps=50,80
scales=.1,.1

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional]
filters=14
size=1
activation=linear

[yolo]
mask=0,1
anchors=10,14, 23,27
classes=2
num=2
"""


def check(tmp_path, *edits, name="net.cfg", lax=False):
    """The report on GOOD with (old, new) replaced."""
    text = GOOD
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / name).write_text(text)
    return lint([tmp_path / name], lax)[0]


def short(report, what="errors"):
    """Problems without the folder's name."""
    return [p.replace(report.path, "net.cfg", 1) for p in getattr(report, what)]


def test_good(tmp_path):
    report = check(tmp_path)
    assert (report.errors, report.warnings) == ([], [])
    assert report.graph.n_params == 374


def test_six_faults_at_once(tmp_path):
    report = check(tmp_path, ("subdivisions=2", "subdivisions=9"), ("policy=steps", "policy=step_s"),
                   ("learning_rate", "lerning_rate"), ("activation=leaky", "activation=leeky"),
                   ("filters=14", "filters=21"), ("mask=0,1", "mask=0,2"))
    assert short(report) == [
        "net.cfg:3: [net] subdivisions=9 is more than batch=8: at least one image must be left in each part",
        "net.cfg:7: [net] lerning_rate=.001: unknown key: did you mean learning_rate?",
        "net.cfg:9: [net] policy=step_s: unknown word: did you mean steps?",
        "net.cfg:19: [convolutional] activation=leeky: unknown word: did you mean leaky?",
        "net.cfg:22: [convolutional] filters=21 feeds [yolo] with classes=2, 2 masks: it needs filters=14",
        "net.cfg:27: [yolo] mask=2 chooses an anchor that does not exist: they are 0 to 1",
    ]
    report = check(tmp_path, ("scales=.1,.1", "scales=.1"))
    assert short(report) == ["net.cfg:11: [net] 1 number in scales= for 2 in steps=: give one for each"]


def test_a_fault_does_not_hide_those_behind_it_nor_invent_any(tmp_path):
    report = check(tmp_path, ("filters=8", "filters=8O"), ("filters=14", "filters=21"))
    assert short(report) == [
        "net.cfg:15: [convolutional] filters=8O: is not a whole number",
        "net.cfg:22: [convolutional] filters=21 feeds [yolo] with classes=2, 2 masks: it needs filters=14",
    ]
    report = check(tmp_path, ("filters=14", "filters 14"))  # whether 14 was meant cannot be known
    assert short(report) == ["net.cfg:22: 'filters 14' is no option: write it as key=value"]
    report = check(tmp_path, ("[convolutional]", "[convolutinal]"))
    assert short(report) == ["net.cfg:13: unknown section [convolutinal]: did you mean convolutional?"]


def test_missing_net_does_not_end_the_search(tmp_path):
    report = check(tmp_path, ("[net]", "[nett]"), ("filters=14", "filters=13"))
    assert short(report)[0] == "net.cfg:1: the first section is [nett]: it must be [net]"
    assert short(report)[1:] == [
        "net.cfg:22: [convolutional] filters=13 feeds [yolo] with classes=2, 2 masks: it needs filters=14"]


    text = GOOD[GOOD.index("[conv") :].replace("filters=14", "filters=13")
    (tmp_path / "net.cfg").write_text(text)
    assert short(lint([tmp_path / "net.cfg"])[0]) == [
        "net.cfg:1: the first section is [convolutional]: it must be [net]",
        "net.cfg:10: [convolutional] filters=13 feeds [yolo] with classes=2, 2 masks: it needs filters=14"]


WARNED = [
    (("subdivisions=2", "subdivisions=3"), "net.cfg:3: [net] subdivisions=3 does not divide batch=8: each step would "
                                           "train on 3 x 2 = 6 images"),
    (("steps=50,80", "steps=80,50"), "net.cfg:10: [net] steps= do not rise from one to the next"),
    (("steps=50,80", "steps=50,800"), "net.cfg:10: [net] steps=800 is never reached: training ends at max_batches=100"),
    (("max_batches=100", "max_batches=100\nburn_in=200"), "net.cfg:9: [net] burn_in=200 lasts until the end: "
                                                          "max_batches=100"),
    (("=.001", "=0"), "net.cfg:7: [net] learning_rate=0: nothing would be learned"),
    (("[net]", "[net]\nmosaic=1\nblur=1"), "net.cfg:2: [net] mosaic, blur: only for training with another program: "
                                           "ignored"),
    (("filters=8", "filters=8\nfilters=9"), "net.cfg:16: [convolutional] filters is given twice: line 15 counts"),
    (("activation=linear", "activation=leaky"),
     "net.cfg:24: [convolutional] activation=leaky feeds [yolo]: heads expect activation=linear"),
    (("activation=linear\n", ""), "net.cfg:21: [convolutional] activation=logistic feeds [yolo]: heads expect "
                                  "activation=linear"),
    (("[convolutional]\nfilters=14", "[maxpool]\n[route]\nlayers=-2\n[convolutional]\nfilters=14"),
     "net.cfg:21: [maxpool] is layer 1, which no later layer reads"),
]


@pytest.mark.parametrize(("edit", "warning"), WARNED)
def test_warnings(tmp_path, edit, warning):
    report = check(tmp_path, edit)
    assert short(report) == []
    assert short(report, "warnings") == [warning]


def test_heads_that_differ(tmp_path):
    second = "\n[route]\nlayers=0\n[convolutional]\nfilters=8\nsize=1\nactivation=linear\n" \
             "[yolo]\nmask=0\nanchors=10,14, 23,27\nclasses=3\nnum=2\n"
    report = check(tmp_path, ("mask=0,1", "mask=0"), ("filters=14", "filters=7"), ("num=2\n", "num=2\n" + second))
    assert short(report) == []
    assert short(report, "warnings") == [
        "net.cfg:39: [yolo] no mask= chooses anchor 1: boxes of that shape would not be learned",
        "net.cfg:41: [yolo] classes differs from the first [yolo] in line 26",
    ]


def test_lax_makes_unknown_keys_warnings(tmp_path):
    report = check(tmp_path, ("learning_rate", "lerning_rate"), lax=True)
    assert report.errors == []
    assert short(report, "warnings") == ["net.cfg:7: [net] lerning_rate=.001: unknown key: did you mean learning_rate?"]


def test_windows_text_is_no_fault(tmp_path):
    (tmp_path / "net.cfg").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    report, = lint([tmp_path / "net.cfg"])
    assert (report.errors, report.warnings) == ([], [])


def test_stock_networks_are_clean():
    for report in lint(sorted((ROOT / "cfg").glob("*.cfg"))):
        assert report.errors == [], report.path
        assert report.warnings == [], report.path


# -- .data ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path):
    """A data set of two images beside its .data file, and a net for it."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "train.txt").write_text("a.jpg\nb.jpg\n")
    (tmp_path / "two.names").write_text("cat\ndog\n")
    (tmp_path / "net.cfg").write_text(GOOD)
    (tmp_path / "d.data").write_text("classes=2\ntrain=train.txt\nnames=two.names\n")
    return tmp_path


def problems(folder, text, *nets):
    (folder / "d.data").write_text(text)
    report = lint([folder / "d.data", *(folder / n for n in nets)])[0]
    return [p.replace(f"{folder}/", "") for p in report.errors], [p.replace(f"{folder}/", "") for p in report.warnings]


def test_good_data(data):
    reports = lint([data / "d.data", data / "net.cfg"])
    assert [r.errors + r.warnings for r in reports] == [[], []]
    assert [r.is_cfg for r in reports] == [False, True]


DATA = [
    ("classes=2\ntrain=gone.txt\n",
     ["d.data:2: train=gone.txt: no such file, neither here nor beside this .data file: check the path"]),
    ("classes=2\ntrain=empty.txt\n", ["d.data:2: empty.txt is empty: write one image path per line"]),
    ("classes=2\ntrain=half.txt\n",
     ["d.data:2: 2 of 3 images of half.txt do not exist: the first is c.jpg in line 3"]),
    ("classes=3\nnames=two.names\n", ["d.data:2: names=two.names has 2 names, but classes=3: each class needs one"]),
    ("clases=2\n", ["d.data:1: clases=2: unknown key: did you mean classes?"]),
    ("classes=two\n", ["d.data:1: classes=two: is not a whole number"]),
    ("classes=0\nbackup=a.jpg\n", ["d.data:1: classes=0: must be at least 1",
                                   "d.data:2: backup=a.jpg is a file: it must name a folder"]),
    ("classes=2\nmap=bad.map\n", ["d.data:2: bad.map:2: '2' must be a whole number from 0 to 1"]),
    ("classes=2\ntree=bad.tree\n", None),
    ("[net]\nwidth=3\n", ["d.data:1: [net] begins a section: this is a cfg, not a .data file"]),
]


@pytest.mark.parametrize(("text", "expected"), DATA)
def test_faults_of_data(data, text, expected):
    (data / "empty.txt").write_text("\n \n")
    (data / "half.txt").write_text("a.jpg\n\nc.jpg\nd.jpg\n")
    (data / "bad.map").write_text("0\n2\n")
    (data / "bad.tree").write_text("animal -1\ncat 5\n")
    errors, _ = problems(data, text)
    if expected is None:
        assert len(errors) == 1
        assert errors[0].startswith("d.data:2: bad.tree:2: ")
    else:
        assert errors == expected


def test_warnings_of_data(data):
    assert problems(data, "classes=1\nnames=two.names\nstray\n")[1] == [
        "d.data:2: names=two.names has 2 names: with classes=1 only the first 1 are used",
        "d.data:3: 'stray' is no option (key=value): it is passed over"]
    assert problems(data, "names=two.names\n")[1] == ["d.data:1: no classes= is given"]


def test_data_is_compared_with_the_net(data):
    errors, _ = problems(data, "classes=3\n", "net.cfg")
    assert errors == ["d.data:1: classes=3, but [yolo] at net.cfg:29 has classes=2"]
    (data / "c.cfg").write_text("[net]\ninputs=4\n[connected]\noutput=5\n[softmax]\n")
    errors, _ = problems(data, "classes=3\n", "c.cfg")
    assert errors == ["d.data:1: classes=3, but [softmax] at c.cfg:5 ends the network with 5 numbers"]


def test_missing_files(tmp_path):
    a, b = lint([tmp_path / "x.cfg", tmp_path / "x.data"])
    assert a.errors == [f"{tmp_path}/x.cfg: no such file or directory: check the path"]
    assert b.errors == [f"{tmp_path}/x.data: no such file or directory: check the path"]
