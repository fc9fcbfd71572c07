"""Bad cfgs: the exact lines each of them is answered with, and that nothing else can come of any bytes."""

import time
import tracemalloc

import pytest

from darkpy import cfg
from darkpy.build import build
from darkpy.errors import CfgError, DarkpyError

NET = "[net]\nwidth=32\nheight=32\nchannels=3\n"  # its next line is 5
CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky\n"
NET_C = NET + "[convolutional]\n"
YOLO = "[yolo]\nmask=0\nanchors=10,14\nclasses=2\nnum=1\n"


def problems(text, lax=False):
    with pytest.raises(CfgError) as e:
        build(cfg.parse(text, "n.cfg"), lax=lax)
    assert str(e.value) == "\n".join(e.value.problems)
    return e.value.problems


# (cfg text, the lines without "n.cfg:")
BAD = {
    # the form of the text
    "empty": ("", ["1: no section: a cfg begins with [net] (is this the right file?)"]),
    "comments only": ("# a\n;b\n", ["1: no section: a cfg begins with [net] (is this the right file?)"]),
    "no net": (CONV, ["1: the first section is [convolutional]: it must be [net]"]),
    "option before net": ("width=3\n" + NET + CONV,
                          ["1: 'width=3' stands before the first section: a cfg begins with [net]"]),
    "html": ("<!DOCTYPE html>\n<html>", [
        "1: '<!DOCTYPE html>' stands before the first section: a cfg begins with [net]",
        "2: '<html>' stands before the first section: a cfg begins with [net]"]),
    "open bracket": (NET + "[convolutional\n", ["5: '[convolutional' is no section: write it as [convolutional]"]),
    "empty bracket": (NET + "[ ]\n", ["5: '[ ]' is no section: write it as [convolutional]"]),
    "no equals": (NET + "[convolutional]\nfilters 32\n", ["6: 'filters 32' is no option: write it as key=value"]),
    "no value": (NET + "[convolutional]\nfilters=\n", ["6: 'filters=' is no option: write it as key=value"]),
    "no key": (NET + "[convolutional]\n=3\n", ["6: '=3' is no option: write it as key=value"]),
    "only a comment as value": (NET_C + "size= # 3\n", ["6: 'size=' is no option: write it as key=value"]),
    "no layers": (NET, ["1: no layers behind [net]"]),
    "second net": (NET + CONV + "[net]\n", ["10: a second [net]: it may only come first"]),
    # unknown words
    "unknown section": (NET + "[convolution]\n", ["5: unknown section [convolution]: did you mean convolutional?"]),
    "yolo2": (NET + CONV + "[yolov]\n", ["10: unknown section [yolov]: did you mean yolo?"]),
    "strange section": (NET + "[qqqqq]\n", ["5: unknown section [qqqqq]"]),
    "unknown key": (NET + CONV + "batch_normalise=1\n",
                    ["10: [convolutional] batch_normalise=1: unknown key: did you mean batch_normalize?"]),
    "unknown key of net": ("[net]\nlearning_rat=.1\n" + NET[6:] + CONV,
                           ["2: [net] learning_rat=.1: unknown key: did you mean learning_rate?"]),
    "unknown activation": (NET + CONV.replace("leaky", "Leaky"),
                           ["9: [convolutional] activation=Leaky: unknown word: did you mean leaky?"]),
    "activation of a stranger": (NET + CONV.replace("leaky", "qqqq"),
                                 ["9: [convolutional] activation=qqqq: unknown word"]),
    "unknown policy": (NET + "policy=stepps\n" + CONV,
                       ["5: [net] policy=stepps: unknown word: did you mean steps?"]),
    "unknown cost": (NET + CONV + "[cost]\ntype=ssse\n", None),
    # numbers
    "not a number": (NET_C + "filters=many\n", ["6: [convolutional] filters=many: is not a whole number"]),
    "half number": (NET_C + "filters=12abc\n", ["6: [convolutional] filters=12abc: is not a whole number"]),
    "hexadecimal": (NET_C + "filters=0x10\n", ["6: [convolutional] filters=0x10: is not a whole number"]),
    "fraction": (NET_C + "filters=1.5\n", ["6: [convolutional] filters=1.5: is not a whole number"]),
    "other digits": (NET_C + "filters=٣\n", ["6: [convolutional] filters=٣: is not a whole number"]),
    "nan": (NET + "momentum=nan\n" + CONV, ["5: [net] momentum=nan: is not a number"]),
    "inf": (NET + "learning_rate=inf\n" + CONV, ["5: [net] learning_rate=inf: is not a number"]),
    "overflow": (NET + "decay=1e99\n" + CONV, ["5: [net] decay=1e99: is too large: at most 1e+38"]),
    "5000 digits": (NET + "[convolutional]\nfilters=" + "9" * 5000 + "\n",
                    ["6: [convolutional] filters=" + "9" * 57 + "...: is too large: at most 9,007,199,254,740,992"]),
    "zero filters": (NET + "[convolutional]\nfilters=0\n", ["6: [convolutional] filters=0: must be at least 1"]),
    "negative stride": (NET + "[convolutional]\nstride=-1\n", ["6: [convolutional] stride=-1: must be at least 1"]),
    "huge kernel": (NET + "[convolutional]\nsize=5000\n", ["6: [convolutional] size=5000: must be at most 4,096"]),
    "hole in a list": (NET + CONV + "[route]\nlayers=-1,,0\n",
                       ["11: [route] layers=-1,,0: has an empty entry between commas"]),
    "word in a list": (NET + CONV + YOLO.replace("10,14", "10,x4"),
                       ["12: [yolo] anchors=10,x4: its entry 'x4' is not a number"]),
    # sizes
    "no size": ("[net]\n" + CONV, ["1: [net] no input size: give width=, height=, channels= (or inputs= for rows of "
                                   "numbers)"]),
    "no height": ("[net]\nwidth=3\nchannels=3\n" + CONV,
                  ["1: [net] no input size: give height= (or inputs= for rows of numbers)"]),
    "two sizes": (NET + "inputs=7\n" + CONV, ["5: [net] inputs=7 is not width*height*channels = 3072: drop inputs="]),
    "huge side": (NET.replace("=32", "=99999") + CONV, ["2: [net] width=99999: must be at most 65,536",
                                                       "3: [net] height=99999: must be at most 65,536"]),
    "huge input": (NET.replace("=32", "=65536") + CONV,
                   ["2: [net] an input of 12,884,901,888 numbers: at most 2,147,483,648 are allowed"]),
    "a billion filters": (NET + "[convolutional]\nfilters=1000000000\n", [
        "5: [convolutional] an output of 32x32x1000000000 is 1,024,000,000,000 numbers for one image: at most "
        "2,147,483,648 are allowed"]),
    "too many parameters": (NET_C + "filters=100000\nsize=99\nstride=99\npad=1\n[connected]\noutput=999999\n", None),
    "nothing left": (NET + "[convolutional]\nsize=33\n", [
        "5: [convolutional] leaves nothing of its input 32x32x3: the output would be 0x0x1: take a larger net size, or "
        "a smaller size= or stride="]),
    "needs a map": ("[net]\ninputs=9\n" + CONV, [
        "3: [convolutional] needs a feature map (channels, height, width), but its input has no height and width "
        "(9 numbers)"]),
    "groups": (NET + CONV + "groups=2\n", ["10: [convolutional] groups=2 does not divide its 3 input channels"]),
    # schedule
    "steps without": (NET + "policy=steps\n" + CONV, ["5: [net] policy=steps needs steps= and scales="]),
    "steps and scales": (NET + "policy=steps\nsteps=1,2\nscales=.1\n" + CONV,
                         ["7: [net] 1 number in scales= for 2 in steps=: give one for each"]),
    "subdivisions": (NET + "batch=2\nsubdivisions=3\n" + CONV,
                     ["6: [net] subdivisions=3 is more than batch=2: at least one image must be left in each part"]),
    # wiring
    "route to itself": (NET + CONV + "[route]\nlayers=1\n",
                        ["11: [route] layers=1 of layer 1 points at itself: only earlier layers can be read"]),
    "route ahead": (NET + CONV + "[route]\nlayers=0,5\n",
                    ["11: [route] layers=5 of layer 1 points at layer 5, which comes later: only earlier layers can be "
                     "read"]),
    "route before the start": (NET + CONV + "[route]\nlayers=-7\n", [
        "11: [route] layers=-7 of layer 1 points before the first layer, which is 0"]),
    "route to nothing": (NET + CONV + "[route]\n", ["10: [route] needs layers="]),
    "shortcut to nothing": (NET + CONV + "[shortcut]\n", ["10: [shortcut] needs from="]),
    "maps of different size": (NET + CONV + "[maxpool]\nsize=2\nstride=2\n[route]\nlayers=-1,0\n" + CONV, [
        "15: [convolutional] needs a feature map (channels, height, width), but its input has no height and width "
        "(5120 numbers): [route] in line 13 joins maps of different size, 16x16x4 and 32x32x4 (the net's size is "
        "32x32x3: is a side no multiple of 32?)"]),
    # heads
    "filters before yolo": (NET + CONV + YOLO,
                            ["6: [convolutional] filters=4 feeds [yolo] with classes=2, 1 mask: it needs filters=7"]),
    "filters left out": (NET + "[convolutional]\nsize=1\n" + YOLO,
                         ["5: [convolutional] filters=1 feeds [yolo] with classes=2, 1 mask: it needs filters=7"]),
    "route before yolo": (NET + CONV + "[route]\nlayers=0\n" + YOLO,
                          ["10: [route] filters=4 feeds [yolo] with classes=2, 1 mask: it needs filters=7"]),
    "yolo on the input": (NET + YOLO, ["1: [net] filters=3 feeds [yolo] with classes=2, 1 mask: it needs filters=7"]),
    "mask": (NET + CONV.replace("=4", "=7") + YOLO.replace("mask=0", "mask=1"),
             ["11: [yolo] mask=1 chooses an anchor that does not exist: they are 0 to 0"]),
    "anchors": (NET + CONV.replace("=4", "=7") + YOLO.replace("10,14", "10"),
                ["12: [yolo] 1 numbers for num=1 anchors: give 2, a width and a height for each"]),
    "region": (NET + CONV + "[region]\nanchors=1,1\nclasses=3\n",
               ["6: [convolutional] filters=4 feeds [region] with classes=3, num=1: it needs filters=8"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_cfg(name):
    text, expected = BAD[name]
    found = problems(text)
    assert all(p.startswith("n.cfg:") and "\n" not in p for p in found)
    if expected is not None:
        assert found == [f"n.cfg:{line}" for line in expected]


def test_what_is_long_to_write_out():
    assert problems(BAD["unknown cost"][0]) == [
        "n.cfg:11: [cost] type=ssse: unknown word: did you mean sse?"]
    assert "parameters" in problems(BAD["too many parameters"][0])[0]


def test_all_problems_come_at_once_in_the_order_of_their_lines():
    found = problems(NET.replace("width=32", "width=3.5") + CONV + "x=1\n[nothing]\n[route]\nlayers=7\n" + CONV + YOLO)
    assert [int(p.split(":")[1]) for p in found] == [2, 10, 11, 13, 15]


def test_lax_lets_unknown_keys_pass_but_nothing_else():
    graph = build(cfg.parse(NET + CONV + "x=1\n", "n.cfg"), lax=True)
    assert graph.warnings == ["n.cfg:10: [convolutional] x=1: unknown key"]
    assert len(problems(NET + CONV + "x=1\nstride=0\n", lax=True)) == 1


# -- files --------------------------------------------------------------------------------------------------------


def read_problem(path):
    with pytest.raises(CfgError) as e:
        cfg.read(path)
    line, = e.value.problems
    return line.replace(str(path), "n.cfg", 1)


BYTES = {
    "NUL": (b"[net]\0", "n.cfg: holds NUL bytes: binary, where text is expected (the cfg comes before the weights)"),
    "UTF-16": ("[net]\nwidth=3\n".encode("utf-16"), "n.cfg: is UTF-16 text: save the file as UTF-8"),
    "Latin-1 in a value": (b"[net]\nwidth=\xe4\n", "n.cfg:2: byte 0xe4 is not UTF-8: save the file as UTF-8"),
    "5 MB": (b"#" * 5_000_000, "n.cfg: larger than 4 MB: this is not a text file of options"),
}


@pytest.mark.parametrize("name", BYTES)
def test_bad_bytes(tmp_path, name):
    raw, expected = BYTES[name]
    (tmp_path / "n.cfg").write_bytes(raw)
    assert read_problem(tmp_path / "n.cfg") == expected


def test_paths_that_are_none(tmp_path):
    assert read_problem(tmp_path) == "n.cfg: is a directory: give the name of a file in it"
    assert read_problem(tmp_path / "gone") == "n.cfg: no such file or directory: check the path"
    assert read_problem(tmp_path / ("x" * 5000)) == "n.cfg: file name too long: check the path"
    (tmp_path / "file").write_text("")
    assert read_problem(tmp_path / "file" / "n.cfg") == "n.cfg: not a directory: check the path"
    for odd in ("a\0b", "a\nb"):
        with pytest.raises(CfgError) as e:
            cfg.read(odd)
        assert str(e.value) == f"{odd!r}: no such file or directory: check the path"


def test_bytes_in_comments_do_no_harm(tmp_path):
    path = tmp_path / "n.cfg"
    path.write_bytes(b"# gr\xfc\xdfe\n[net] # \xe4\ninputs=3\n[softmax]\n")
    assert build(cfg.read(path)).input_shape == (3,)


def test_windows_text(tmp_path):
    path = tmp_path / "n.cfg"
    path.write_bytes(b"\xef\xbb\xbf" + (NET + CONV).replace("\n", "\r\n").encode())
    assert build(cfg.read(path)).layers[0].out_shape == (4, 32, 32)


# -- bounds -------------------------------------------------------------------------------------------------------

ENDLESS = {
    "layers": ("[max]\n", "layers: at most 4,096 are allowed"),
    "lines": ("[max]\nsize=2\n", "more than 131,072 lines: this is not a cfg"),
    "malformed lines": ("x\n", "more than 100 malformed lines: this is not a cfg"),
    "keys": None,
    "one key again and again": ("width=1\n", "more than 131,072 lines: this is not a cfg"),
    "sections unknown": ("[convolute]\n", "layers: at most 4,096 are allowed"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_files_end_soon(name):
    """As large as a cfg may be, and of every kind; a second or two, and little memory."""
    if name == "keys":
        text, expected = NET + "".join(f"widt{i}=1\n" for i in range(100_000)), None
    else:
        line, expected = ENDLESS[name]
        text = NET + line * min(cfg.MAX_BYTES // len(line), 90_000 if "at most" in expected else 10**9)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        found = problems(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) <= cfg.MAX_PROBLEMS + 1
    assert expected is None or found[-1].endswith(expected)
    assert time.perf_counter() - start < 30  # tracing multiplies the time
    assert peak < 300e6


def test_problems_of_many_layers_are_bounded():
    found = problems(NET + "[convolutional]\nfilter=1\n" * 4000)
    assert len(found) == cfg.MAX_PROBLEMS + 1
    assert found[-1].endswith("100 problems up to here: the rest of the file was not looked at")


def test_long_words_are_cut():
    line, = problems(NET + "[convolutional]\nactivation=" + "leaky" * 100_000 + "\n")
    assert len(line) < 200
    line, = problems(NET + "[" + "convolutional" * 100_000 + "]\n")
    assert len(line) < 200
    line, = problems(NET + CONV + YOLO.replace("10,14", "1," * 100_000))
    assert line.endswith(": is a list of 100,000: at most 16,384 numbers are allowed")


def test_a_deep_net_is_built_fast():
    start = time.perf_counter()
    graph = build(cfg.parse(NET + CONV + "[convolutional]\nfilters=4\nsize=1\n[shortcut]\nfrom=-2\n" * 2000))
    assert len(graph.layers) == 4001
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize("stride", [2**53, 2**31])
def test_strides_beyond_the_map(stride):
    graph = build(cfg.parse(NET + f"[convolutional]\nstride={stride}\n"))
    assert graph.layers[0].out_shape == (1, 1, 1)


def test_errors_are_darkpys_own():
    assert issubclass(CfgError, DarkpyError)
    assert CfgError("x").exit_status == 3
