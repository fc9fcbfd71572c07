"""The parser: Darknet's spelling and the usual one, anywhere, and one line for each mistake."""

import pytest

from darkpy.cli.args import Arg, Command, Opt, parse, usage
from darkpy.errors import UsageError


def nothing(args) -> int:
    return 0


COMMAND = Command(
    ("do", "it"), "does it", nothing,
    [Arg("cfg", "a cfg"), Arg("count", "a number", required=False, kind=int), Arg("image", "images", False, True)],
    [Opt("-thresh", "least", float, 0.5, low=0, high=1), Opt("-ext_output", "flag"),
     Opt("--json", "list", str, bare="-"), Opt("-kind", "a word", str, words=("red", "green")),
     Opt("-gpus", "numbers", list[int]),
     Opt("-out", "a name", str), Opt("-x", "any number", float), Opt("-top", "number", int, 5, also=("-t",))],
)


def test_values_and_defaults():
    args = parse(COMMAND, ["a.cfg"])
    assert (args.cfg, args.count, args.image) == ("a.cfg", None, [])
    assert (args.thresh, args.ext_output, args.json) == (0.5, False, None)
    assert args.i == 0 and args.nogpu is False and args.help is False and args.top == 5


@pytest.mark.parametrize("argv", [
    "-thresh .25 a.cfg 3 x y -ext_output", "a.cfg -thresh .25 3 x -ext_output y",
    "a.cfg 3 x y --thresh=.25 --ext-output",
    "a.cfg 3 --thresh .25 -ext-output x y -nogpu -i 1", "a.cfg -ext_output 3 -thresh=.25 -- x y",
])
def test_options_stand_anywhere_in_any_spelling(argv):
    args = parse(COMMAND, argv.split())
    assert (args.cfg, args.count, args.image, args.thresh, args.ext_output) == ("a.cfg", 3, ["x", "y"], 0.25, True)


def test_special_values():
    assert parse(COMMAND, ["a", "-3"]).count == -3
    assert parse(COMMAND, ["a", "-x", "-.5"]).x == -0.5
    assert parse(COMMAND, ["a", "1", "-"]).image == ["-"]
    assert parse(COMMAND, ["a", "1", "--", "-thresh"]).image == ["-thresh"]
    assert parse(COMMAND, ["a", "-gpus", "0,1"]).gpus == [0, 1]
    assert parse(COMMAND, ["a", "-t", "3"]).top == 3
    assert parse(COMMAND, ["a", "-out", "-odd-name"]).out == "-odd-name"
    assert parse(COMMAND, ["a", "-out", "x=y"]).out == "x=y"
    assert parse(COMMAND, ["a", "-thresh", ".1", "-thresh", ".2"]).thresh == 0.2


def test_an_optional_value_must_be_joined():
    args = parse(COMMAND, ["--json", "a.cfg"])
    assert (args.json, args.cfg) == ("-", "a.cfg")
    assert parse(COMMAND, ["a.cfg", "--json=out.json"]).json == "out.json"


@pytest.mark.parametrize("argv, message", [
    ("", "cfg is missing (a cfg): darkpy do it cfg [count] [image...] [options]"),
    ("a x", "count x: is not a whole number: darkpy do it cfg [count] [image...] [options]"),
    ("a -tresh .5", "unknown option -tresh: did you mean -thresh?"),
    ("a --jsno", "unknown option --jsno: did you mean --json?"),
    ("a -qqqqqq", "unknown option -qqqqqq"),
    ("a -thresh", "-thresh needs a value: -thresh X"),
    ("a -thresh -out b", "-thresh needs a value: -thresh X"),
    ("a -thresh x", "-thresh x: is not a number"),
    ("a -thresh nan", "-thresh nan: is not a number"),
    ("a -thresh 2", "-thresh 2: must be at most 1"),
    ("a -kind blue", "-kind blue: unknown word: valid are green, red"),
    ("a -nogpu=1", "-nogpu takes no value, but '1' is given"),
])
def test_mistakes(argv, message):
    with pytest.raises(UsageError) as e:
        parse(COMMAND, argv.split())
    assert str(e.value) == message


def test_one_argument_too_many():
    one = Command(("one",), "takes one", nothing, [Arg("cfg", "a cfg")])
    with pytest.raises(UsageError, match="'b' is one argument too many"):
        parse(one, ["a", "b"])


def test_help_wins_over_what_is_missing_or_wrong():
    for argv in (["-h"], ["--help"], ["-wrong", "-help"], ["a", "-thresh", "9", "-h"]):
        assert parse(COMMAND, argv).help is True


def test_a_command_may_have_its_own_h():
    demo = Command(("demo",), "video", nothing, [], [Opt("-h", "height", int, 0)])
    args = parse(demo, ["-h", "480"])
    assert args.h == 480 and args.help is False


def test_usage():
    assert usage(COMMAND) == "darkpy do it cfg [count] [image...] [options]"
    assert [o.usage for o in COMMAND.opts][:5] == ["-thresh X", "-ext_output", "--json[=TEXT]", "-kind TEXT",
                                                   "-gpus VALUE"]
