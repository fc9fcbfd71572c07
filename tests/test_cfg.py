"""Reading cfgs: the text, the options, the Config they are bound to, and the graph that is built."""

from dataclasses import dataclass

import pytest

from darkpy import cfg, dialects
from darkpy.build import build, examine, line_of
from darkpy.cfg import Option, opt
from darkpy.errors import CfgError, DataError
from darkpy.layers import LAYERS
from tests.shared import ROOT


def values(section):
    return {o.key: o.value for o in section.options.values()}


def test_text_becomes_sections():
    net, conv = cfg.parse("; first\n\n[net]\nwidth = 3 # pixels\n[ Conv ]\nfilters=\t32 ;x\nname=a b#c\nlist = 1, 2\n")
    assert (net.kind, net.line, values(net)) == ("net", 3, {"width": "3"})
    assert (conv.kind, conv.line) == ("conv", 5)
    assert values(conv) == {"filters": "32", "name": "a b#c", "list": "1, 2"}
    assert conv.options["filters"] == Option("filters", "32", 6)
    assert conv.place() == "cfg:5"
    assert conv.place("filters") == "cfg:6"
    assert conv.place("size") == "cfg:5"
    assert conv.get("filters") == "32"
    assert conv.get("size", "1") == "1"


def test_the_first_of_two_values_counts():
    section = cfg.parse("[net]\nwidth=1\nwidth=2\n")[0]
    assert section.get("width") == "1"
    assert section.repeated == [Option("width", "2", 3)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end):
    sections = cfg.parse("\ufeff[net]" + end + end + "width=3" + end + "[soft]")
    assert [(s.kind, s.line) for s in sections] == [("net", 1), ("soft", 4)]
    assert sections[0].options["width"].line == 3


def test_dump_writes_what_parse_reads():
    text = "[net]\nwidth=3\n\n[conv]\nfilters=4\nactivation=leaky\n"
    assert cfg.dump(cfg.parse(text)) == text


def test_scan_gives_sections_and_problems():
    sections, problems = cfg.scan("[net]\nwidth\nheight=2\n[conv\n", "a.cfg")
    assert [s.kind for s in sections] == ["net"]
    assert sections[0].broken
    assert values(sections[0]) == {"height": "2"}
    assert len(problems) == 2


# -- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "kind", "value"), [
    ("32", int, 32), ("+4", int, 4), ("-7", int, -7), ("007", int, 7), ("1 000", int, 1000), ("1e3", int, 1000),
    ("5.0", int, 5), ("9007199254740992", int, 2**53), ("0" * 90 + "1", int, 1),
    (".25", float, 0.25), ("1.", float, 1.0), ("-1.5e-2", float, -0.015), ("1e-400", float, 0.0), ("1e38", float, 1e38),
    ("1", bool, True), ("0", bool, False), ("2", bool, True),
    ("1,2, 3,", list[int], [1, 2, 3]), (".1, 1e1", list[float], [0.1, 10.0]), ("7", list[int], [7]),
    ("any text", str, "any text"), ("3", int | None, 3), ("1.5", float | None, 1.5),
])
def test_convert(text, kind, value):
    got = cfg.convert(text, kind)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(("text", "kind", "meta", "message"), [
    ("", int, {}, "is not a whole number"), ("1.5", int, {}, "is not a whole number"), ("1_0", int, {}, "is not a"),
    ("--1", int, {}, "is not a whole"), ("1e-3", int, {}, "is not a whole"), ("x", float, {}, "is not a number"),
    ("Infinity", float, {}, "is not a number"), ("1e999", int, {}, "is too large: at most 9,007,199,254,740,992"),
    ("9" * 101, float, {}, "is too large"), ("-1e39", float, {}, "is too large"),
    ("3", int, {"low": 4}, "must be at least 4"), ("1", float, {"high": 0.5}, "must be at most 0.5"),
    ("2000", int, {"high": 1 << 10}, "must be at most 1,024"), ("0,9", list[int], {"low": 1}, "its entry '0' must"),
    (",", list[int], {}, "has an empty entry"), ("yes", bool, {}, "is not a whole number"),
    ("leeky", str, {"words": ("leaky", "linear")}, "unknown word: did you mean leaky?"),
    ("q", str, {"words": ("a", "b")}, "unknown word: valid are a, b"), ("1.5", int | None, {}, "is not a whole number"),
])
def test_convert_refuses(text, kind, meta, message):
    with pytest.raises(ValueError, match=".") as e:
        cfg.convert(text, kind, meta)
    assert message in str(e.value)


@dataclass
class Config:
    """Of a section made up for these tests."""

    size: int = opt(3, low=1)
    b1: float = opt(0.9, key="B1")
    mode: str = opt("fast", words=("fast", "slow"))
    numbers: list[int] = opt([])
    source: int = opt(0, required=True)


def bind(text, ignored=()):
    return cfg.bind(cfg.parse(f"[net]\n[made]\n{text}", "a.cfg")[1], Config, ignored)


def test_bind():
    config, problems, warnings = bind("B1=.5\nsize=4\nnumbers=1,2\nsource=-1\n")
    assert config == Config(4, 0.5, "fast", [1, 2], -1)
    assert (problems, warnings) == ([], [])
    assert bind("source=0")[0].numbers is not bind("source=0")[0].numbers


def test_bind_finds_every_problem_and_goes_on_with_defaults():
    config, problems, warnings = bind("size=0\nb1=1\nmode=fas\nsiez=2\nsize=9\n")
    assert config == Config()
    assert problems == [
        "a.cfg:3: [made] size=0: must be at least 1",
        "a.cfg:4: [made] b1=1: unknown key: did you mean B1?",
        "a.cfg:5: [made] mode=fas: unknown word: did you mean fast?",
        "a.cfg:6: [made] siez=2: unknown key: did you mean size?",
        "a.cfg:2: [made] needs source=",
    ]
    assert warnings == ["a.cfg:7: [made] size is given twice: line 3 counts"]


def test_keys_of_other_programs_are_one_warning():
    _, problems, warnings = bind("source=1\nblur=1\nmosaic=0\n", {"blur", "mosaic"})
    assert problems == []
    assert warnings == ["a.cfg:4: [made] blur, mosaic: only for training with another program: ignored"]


def test_foreign_keys_are_not_our_own():
    for kind, keys in dialects.TRAINING_ONLY.items():
        if kind != "net":
            assert not keys & set(LAYERS[kind].Config.__dataclass_fields__), kind
    assert {dialects.canonical(alias) for alias in dialects.ALIASES} <= {*LAYERS, "net"}
    for alias, kind in dialects.ALIASES.items():
        if kind != "net":
            assert LAYERS[alias] is LAYERS[kind]


# -- [net] --------------------------------------------------------------------------------------------------------


def net(text):
    return build(cfg.parse(f"[net]\nwidth=8\nheight=6\nchannels=3\n{text}[conv]\n", "a.cfg")).config


def test_what_follows_from_other_options():
    c = net("")
    assert (c.inputs, c.max_crop, c.min_crop, c.max_ratio, c.min_ratio) == (144, 16, 8, 2.0, 1.0)
    c = net("max_crop=12\nmin_crop=4\nmax_ratio=1.5\n")
    assert (c.max_crop, c.min_crop, c.max_ratio, c.min_ratio) == (12, 4, 1.5, 0.5)
    rows = build(cfg.parse("[net]\ninputs=7\n[soft]\n")).config
    assert (rows.inputs, rows.width, rows.max_ratio) == (7, 0, 1.0)


@pytest.mark.parametrize(("text", "message"), [
    ("policy=poly\n", "5: [net] policy=poly needs max_batches="),
    ("policy=sgdr\n", "5: [net] policy=sgdr needs max_batches="),
    ("policy=step\nstep=0\n", "6: [net] step=0 must be at least 1"),
    ("policy=steps\nsteps=1\n", "5: [net] policy=steps needs steps= and scales="),
])
def test_schedules_that_lack_something(text, message):
    with pytest.raises(CfgError) as e:
        net(text)
    assert str(e.value) == f"a.cfg:{message}"


# -- .data --------------------------------------------------------------------------------------------------------


def test_options():
    section = cfg.parse_options("# a\nclasses= 20\nstray\ntrain = my list.txt\nclasses=3\n", "a.data")
    assert values(section) == {"classes": "20", "train": "my list.txt"}
    assert section.place("train") == "a.data:4"


@pytest.mark.parametrize(("raw", "message"), [
    (b"a=\xff\n", "1: byte 0xff is not UTF-8: save the file as UTF-8"),
    (b"\n[net]\n", "2: [net] begins a section: this is a cfg, not a .data file"),
    (b"a=1\n" * 200_000, "131073: more than 131,072 lines: this is not a .data file"),
])
def test_options_refused(tmp_path, raw, message):
    path = tmp_path / "a.data"
    path.write_bytes(raw)
    with pytest.raises(DataError) as e:
        cfg.read_options(path)
    assert str(e.value) == f"{path}:{message}"


# -- build --------------------------------------------------------------------------------------------------------


def test_graph():
    graph = build(cfg.parse("[net]\nwidth=8\nheight=6\nchannels=3\nbatch=6\nsubdivisions=2\n[conv]\nfilters=2\n"
                            "[route]\nlayers=-1,0\n[softmax]\n"))
    assert graph.input_shape == (3, 6, 8)
    assert [layer.kind for layer in graph.layers] == ["convolutional", "route", "softmax"]
    assert graph.wiring == [[-1], [0, 0], [1]]
    assert [layer.out_shape for layer in graph.layers] == [(2, 6, 8), (4, 6, 8), (192,)]
    assert graph.batch == 3
    assert graph.n_params == 2 * 3 + 2
    assert graph.warnings == []


def test_batch_and_size_replace_the_cfgs():
    sections = cfg.parse("[net]\nwidth=8\nheight=8\nchannels=3\nbatch=6\ninputs=192\n[conv]\n")
    graph = build(sections, batch=2, size=(4, 5))
    assert graph.batch == 2
    assert graph.input_shape == (3, 4, 5)
    assert build(sections, size=9).input_shape == (3, 9, 9)
    assert build(sections).input_shape == (3, 8, 8)


def test_examine_returns_what_can_be_built():
    graph, problems = examine(cfg.parse("[net]\ninputs=4\n[softmax]\n[nothing]\n[connected]\noutput=2\n"))
    assert [layer.kind for layer in graph.layers] == ["softmax", "connected"]
    assert problems == ["cfg:4: unknown section [nothing]"]


def test_line_of():
    assert line_of("a: b.cfg:12: [net] x=3: 5: bad") == 12
    assert line_of("a.cfg: no such file") == 0


@pytest.mark.parametrize("path", sorted((ROOT / "cfg").glob("*.cfg")), ids=lambda p: p.stem)
def test_stock_networks_build_without_a_word(path):
    graph = build(cfg.read(path))
    assert graph.warnings == []
    assert graph.n_params > 0


def test_cfg_error_keeps_its_lines():
    with pytest.raises(CfgError) as e:
        cfg.parse("x\ny\n")
    assert len(e.value.problems) == 2
