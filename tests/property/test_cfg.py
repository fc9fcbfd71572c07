"""Cfgs: what is written is read back, and no text or bytes do harm."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkpy import cfg, datafile
from darkpy.build import build, examine
from darkpy.datafile import DataConfig
from darkpy.errors import CfgError, DarkpyError
from darkpy.layers import LAYERS
from darkpy.tasks.lint import lint
from tests.shared import ROOT

STOCK = sorted((ROOT / "cfg").glob("*.cfg"))


def words(first, rest):
    """Text that stands in one line, without blanks at its ends or what would begin a comment."""
    line = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)
    return line.map(lambda s: s.strip(cfg.BLANKS)).filter(
        lambda s: s and s[0] not in first and not any(c in s for c in rest) and " #" not in s and " ;" not in s)


KINDS = words("", "[]#;").map(str.lower).map(str.strip).filter(bool)
KEYS = words("#;[", "=").map(str.strip).filter(bool)
VALUES = words("", "").map(str.strip).filter(bool)
SECTIONS = st.lists(st.tuples(KINDS, st.dictionaries(KEYS, VALUES, max_size=4)), max_size=5)


def content(sections):
    return [(s.kind, {o.key: o.value for o in s.options.values()}) for s in sections]


@settings(deadline=None)
@given(SECTIONS)
def test_round_trip(sections):
    sections = [("net", {}), *sections]
    made = [cfg.Section(kind, 1, "a.cfg", {k: cfg.Option(k, v, 1) for k, v in options.items()})
            for kind, options in sections]
    again = cfg.parse(cfg.dump(made), "a.cfg")
    assert content(again) == content(made)
    assert cfg.dump(again) == cfg.dump(made)


@settings(deadline=None)
@given(SECTIONS)
def test_line_numbers(sections):
    text = cfg.dump([cfg.Section("net", 1, "a.cfg"), *(
        cfg.Section(kind, 1, "a.cfg", {k: cfg.Option(k, v, 1) for k, v in options.items()})
        for kind, options in sections)])
    lines = text.split("\n")
    for s in cfg.parse(text):
        assert lines[s.line - 1] == f"[{s.kind}]"
        for o in s.options.values():
            assert lines[o.line - 1] == f"{o.key}={o.value}"


@pytest.mark.parametrize("path", STOCK, ids=lambda p: p.stem)
def test_stock_networks_survive_a_round_trip(path):
    sections = cfg.read(path)
    again = cfg.parse(cfg.dump(sections), str(path))
    assert content(again) == content(sections)
    assert build(again).n_params == build(sections).n_params


def try_all(text):
    """Everything that is made of a cfg text: a graph, or lines that each name a place."""
    try:
        graph = build(cfg.parse(text, "a.cfg"))
        assert all(min(layer.out_shape) > 0 for layer in graph.layers)
    except CfgError as e:
        assert 0 < len(e.problems) <= cfg.MAX_PROBLEMS + 1
        for p in e.problems:
            assert p.startswith("a.cfg:")
            assert p.isprintable()
            assert len(p) < 2000
    sections, _ = cfg.scan(text, "a.cfg")
    if sections:
        examine(sections)


@settings(deadline=None)
@given(st.text(max_size=200))
@example("[net]\n[route]\nlayers=")
@example("[net]\ninputs=1\n[shortcut]\nfrom=-1\n[route]\nlayers=0,0,0\n[softmax]\ngroups=7")
@example("\ufeff[net]\n\ufeff # x\ninputs=3\n[soft]\n")
@example("[net]\r[softmax]\r\n\rinputs=2")
def test_any_text(text):
    try_all(text)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "any.cfg"
    for prefix in (b"", b"[net]\nwidth=9\nheight=9\nchannels=3\n[convolutional]\n"):
        path.write_bytes(prefix + raw)
        for read in (cfg.read, datafile.read):
            try:
                read(path)
            except DarkpyError as e:
                assert all(line.startswith(str(path)) for line in str(e).split("\n"))


NUMBERS = st.sampled_from(["0", "1", "2", "3", "5", "-1", "-2", "7", "64", "1e3", "999999999", "9007199254740992", ".5",
                           "1,2", "-1,-2", "0,1,2,3", "nan", "x", "linear", "leaky", "sse", "1e37"])


@st.composite
def layer(draw):
    """A section with some of its own keys."""
    kind = draw(st.sampled_from(sorted(LAYERS)))
    own = sorted(f.metadata.get("key") or name for name, f in LAYERS[kind].Config.__dataclass_fields__.items())
    return kind, draw(st.dictionaries(st.sampled_from(own), NUMBERS, max_size=4))


SIZES = st.sampled_from(["width=13\nheight=9\nchannels=3", "width=32\nheight=32\nchannels=16", "inputs=48",
                         "width=1\nheight=1\nchannels=1", "width=65536\nheight=65536\nchannels=1",
                         "inputs=20\ntime_steps=4"])


@settings(max_examples=200, deadline=None)
@given(SIZES, st.lists(layer(), min_size=1, max_size=6))
def test_any_net_of_known_words(sizes, layers):
    """Valid sections with valid keys and odd numbers: the layers' own checks have to hold."""
    text = f"[net]\n{sizes}\n" + "".join(
        f"[{kind}]\n" + "".join(f"{k}={v}\n" for k, v in options.items()) for kind, options in layers)
    try_all(text)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_stock_cfg_with_a_line_changed(data):
    """One line of a real network lost, doubled, moved or spoilt."""
    path = data.draw(st.sampled_from([p for p in STOCK if p.stem in ("yolov3-tiny", "yolov2-tiny", "cifar", "strided",
                                                                    "go", "rnn", "yolov1-tiny", "resnet18")]))
    lines = path.read_text().split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at : at + 1] = data.draw(st.sampled_from([
        [], [lines[at]] * 2, [lines[at], lines[at - 5]], [lines[at] + "9"], [lines[at] + "x"], [lines[at][:-1]],
        [lines[at].replace("=", "=-")], [lines[at].upper()], [lines[at].split("=")[0] + "=0"],
        ["[route]\nlayers=-1,-4"]]))
    try_all("\n".join(lines))


VALUE = st.one_of(st.sampled_from(["2", "0", ".", "/", "any.data", "/dev/zero", "/dev/null", "~", "x" * 300, "gone"]),
                  st.text(max_size=20))
DATA = st.lists(st.tuples(st.sampled_from([*DataConfig.__dataclass_fields__, "clases"]), VALUE), max_size=6)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), DATA.map(
    lambda options: "".join(f"{k}={v}\n" for k, v in options).encode("utf-8", "surrogatepass"))))
def test_lint_reports_and_never_fails(tmp_path_factory, raw):
    folder = tmp_path_factory.getbasetemp()
    for name in ("any.data", "any.cfg"):
        (folder / name).write_bytes(raw)
        (report,) = lint([folder / name])
        for line in report.errors + report.warnings:
            assert line.isprintable()
            assert len(line) < 2000
