"""What the documents show is true: commands exist with their options, examples run, generated parts are current."""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darkpy import jit
from darkpy.cli import help as pages
from darkpy.cli import main as program
from darkpy.cli.args import parse
from darkpy.layers import LAYERS
from darkpy.ops import Cpu, Reference, cpu, reference
from darkpy.ops.cpu.tile import WIDE
from darkpy.ops.spec import OPS
from tests.shared import ROOT, shared

DOCS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(path: Path, *languages: str) -> list[str]:
    return [text for language, text in BLOCK.findall(path.read_text()) if language in languages]


def command_lines() -> list[str]:
    """What the shell blocks of all documents give to darkpy."""
    found = []
    for path in DOCS:
        for line in "".join(blocks(path, "sh", "console")).splitlines():
            words = shlex.split(line.removeprefix("$ ").split("|")[0], comments=True)
            if words[:1] == ["darkpy"]:
                found.append(shlex.join(words[1:]))
    return found


def test_there_are_examples():
    assert len(command_lines()) > 5


@pytest.mark.parametrize("line", command_lines())
def test_commands_that_are_shown_exist(line):
    command, rest = program.find(shlex.split(line))
    assert parse(command, rest).help is False


def test_commands_md_is_current():
    """`make docs` writes it."""
    out = io.StringIO()
    pages.markdown(out)
    assert (ROOT / "docs" / "commands.md").read_text() == out.getvalue()


def test_files_that_are_linked_exist():
    for path in DOCS:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", BLOCK.sub("", path.read_text())):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_picture_of_the_house_has_all_its_parts():
    """Those import-linter knows and that exist."""
    layers = re.search(r"layers =\n((?:    .*\n)+)", (ROOT / "setup.cfg").read_text())[1]
    paths = [ROOT / "darkpy" / name for name in re.findall(r"darkpy\.(\w+)", layers)]
    parts = {p.name for p in paths if p.with_suffix(".py").exists() or (p / "__init__.py").exists()}
    assert len(parts) > 15
    assert set(re.findall('class="name">(\\w+)<', (ROOT / "docs" / "house.svg").read_text())) == parts


@pytest.mark.skipif(not WIDE, reason="the example shows how much memory vectors of 512 bits take")
def test_the_traced_example_is_current():
    printed = subprocess.run([sys.executable, ROOT / "docs" / "trace_example.py"], cwd=ROOT, text=True, check=True,
                             env=os.environ | {"DARKPY_THREADS": "1"}, stdout=subprocess.PIPE).stdout
    assert len(printed) > 1000
    shown = "\n".join(blocks(ROOT / "docs" / "architecture.md", "text"))
    for part in printed.split("\n\n"):
        assert part.strip("\n") in shown


def execute(text: str, **names: object) -> dict:
    space: dict = {"__name__": __name__} | names
    exec(compile(text, "<docs>", "exec"), space)
    return space


def test_what_contributing_adds_works(monkeypatch, darkpy):
    layer, check, rule, plain, kernel, command = blocks(ROOT / "docs" / "contributing.md", "python")
    monkeypatch.setitem(LAYERS, "damp", None)  # so that they are taken out again
    monkeypatch.setitem(OPS, "cube", None)
    execute(layer)
    execute(check)["test_damp"]()

    x = np.array([[1.5, -2, 0.5]])
    assert execute(rule)["cube"](x).shape == x.shape
    monkeypatch.setattr(reference, "cube", execute(plain)["cube"], raising=False)
    np.testing.assert_array_equal(Reference().cube(x), x**3)
    compiled = jit.njit
    monkeypatch.setattr(jit, "njit", lambda f: compiled(f, cache=False))  # it stands in no file
    monkeypatch.setitem(cpu.KERNELS, "cube", execute(kernel)["KERNELS"]["cube"])
    y = Cpu().cube(x.astype(np.float32))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, x**3)

    (depth,) = execute(command)["COMMANDS"]
    monkeypatch.setitem(program.commands(), depth.words, depth)
    assert darkpy("depth", ROOT / "cfg" / "yolov3.cfg") == (0, "107\n", "")


@pytest.mark.golden
def test_what_the_readme_shows_of_python(tmp_path, monkeypatch, capsys):
    for part in ("models/yolo-fastest-1.1-xl.cfg", "models/yolo-fastest-1.1-xl.weights", "images/dog.jpg"):
        shutil.copy(shared("golden", *part.split("/")), tmp_path)
    shutil.copy(ROOT / "data" / "coco.names", tmp_path)
    monkeypatch.chdir(tmp_path)
    (example,) = blocks(ROOT / "README.md", "python")
    execute(example)
    printed = capsys.readouterr().out
    assert "dog 0.94 [113. 162. 417. 541.]" in printed
    for shown in re.findall(r"^ *print.*  # (.*)$", example, re.M):
        assert shown in printed
    assert (tmp_path / "boxes.jpg").is_file()


@pytest.mark.golden
def test_what_the_readme_shows_of_detect(tmp_path, monkeypatch, darkpy):
    for part in ("models/yolo-fastest-1.1-xl.cfg", "models/yolo-fastest-1.1-xl.weights", "images/dog.jpg"):
        shutil.copy(shared("golden", *part.split("/")), tmp_path)
    monkeypatch.chdir(tmp_path)
    names = f"--names={ROOT / 'data' / 'coco.names'}"
    done = darkpy("detect", "yolo-fastest-1.1-xl.cfg", "yolo-fastest-1.1-xl.weights", "dog.jpg", "--csv", names)
    shown = "".join(blocks(ROOT / "README.md", "console"))
    for line in done.out.splitlines():
        image, number, name = line.split(",")[:3]
        assert f"{image},{number},{name}," in shown


def test_what_the_readme_shows_without_weights(tmp_path, monkeypatch, darkpy):
    shown = "".join(blocks(ROOT / "README.md", "console"))
    monkeypatch.chdir(ROOT)
    assert "\n".join(darkpy("summary", "cfg/yolov3.cfg").out.splitlines()[-4:]) in shown
    monkeypatch.chdir(tmp_path)
    Path("my.cfg").write_text("[net]\nwidth=416\nheight=416\nchannels=3\n\n[convolutional]\nfilters=75\nsize=1\n"
                              "activaton=linear\n\n[yolo]\nmask=0,1,2\nanchors=10,13, 16,30, 33,23\nnum=3\n"
                              "classes=80\n")
    done = darkpy("lint", "my.cfg")
    assert done.status == 3 and done.out in shown
