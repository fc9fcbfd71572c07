"""summary, ops, speed, lint, visualize, imtest, download: arguments, what is printed where, exit statuses."""

import json

import pytest

from darkpy.cli.main import main
from darkpy.cli.sizes import side
from darkpy.tasks.models import KNOWN
from tests.shared import ROOT

YOLO = ROOT / "cfg" / "yolov3.cfg"
TINY = "[net]\nwidth=16\nheight=16\nchannels=3\n[convolutional]\nfilters=4\nsize=3\n[yolo]\n"


def run(capsys, *argv):
    status = main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return status, out, err


def test_summary(capsys):
    status, out, err = run(capsys, "summary", YOLO)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["#", "layer", "filters", "window", "input", "output", "parameters", "BFLOPs", "memory"]
    assert lines[1].split() == ["0", "convolutional", "32", "3x3/1", "608x608x3", "608x608x32", "992", "0.639",
                                "47.3", "MB"]
    assert "62.0 M parameters" in out
    assert "at 416x416: 65.9 BFLOPs" in out
    assert "at 608x608x3: 140.7 BFLOPs" in out
    assert "at 416x416x3: 65.9 BFLOPs" in run(capsys, "summary", YOLO, "-size", "416")[1]
    assert "at 640x384x3" in run(capsys, "summary", YOLO, "--size=640x384")[1]


def test_summary_as_json(capsys):
    status, out, _ = run(capsys, "summary", YOLO, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["params"] == 62001757
    assert found["layers"][4]["sources"] == [3, 1]
    assert found["flops_at_side"]["416"] == pytest.approx(65.86e9, rel=1e-3)


def test_summary_of_a_fork_warns(tmp_path, capsys):
    path = tmp_path / "n.cfg"
    path.write_text(TINY.replace("channels", "mosaic=1\nchannels").replace("[yolo]\n", ""))
    status, out, err = run(capsys, "summary", path)
    assert status == 0
    assert err == f"warning: {path}:4: [net] mosaic: only for training with another program: ignored\n"


def test_ops_says_what_darknet_says(capsys):
    assert run(capsys, "ops", YOLO) == (
        0, "Floating Point Operations: 140691900416\nFloating Point Operations: 140.69 Bn\n", "")


def test_lint_statuses(tmp_path, capsys):
    good, bad, data = ROOT / "cfg" / "cifar.cfg", tmp_path / "bad.cfg", tmp_path / "d.data"
    bad.write_text(TINY)
    data.write_text("clases=3\n")
    assert run(capsys, "lint", good) == (0, f"{good}: good: 17 layers, 7.7 M parameters, input 28x28x3\n", "")
    status, out, _ = run(capsys, "lint", good, bad, data)
    assert status == 3
    assert out.splitlines()[1:3] == [
        f"{bad}:6: [convolutional] filters=4 feeds [yolo] with classes=20, 1 mask: it needs filters=25",
        f"{bad}:8: [yolo] 0 numbers for num=1 anchors: give 2, a width and a height for each"]
    assert out.splitlines()[-3:] == [
        f"{data}:1: clases=3: unknown key: did you mean classes?",
        f"{data}:1: no classes= is given (warning)",
        f"{data}: 1 error, 1 warning"]
    assert run(capsys, "lint", good, data)[0] == 4
    assert run(capsys, "lint", data, "--lax")[0] == 0
    assert run(capsys, "lint")[0] == 2


def test_lint_as_json(tmp_path, capsys):
    bad = tmp_path / "bad: 1.cfg"
    bad.write_text("[net]\nwidth=x\n")
    status, out, _ = run(capsys, "lint", bad, "--json")
    report, = json.loads(out)
    assert (status, report["good"], report["path"]) == (3, False, str(bad))
    assert report["errors"] == [{"line": 1, "message": "no layers behind [net]"},
                                {"line": 2, "message": "[net] width=x: is not a whole number"}]


def test_speed(tmp_path, capsys):
    path = tmp_path / "n.cfg"
    path.write_text(TINY.replace("[yolo]\n", ""))
    status, out, _ = run(capsys, "speed", path, 2, "-layers", "-threads", 1)
    assert status == 0
    assert "input 16x16x3, batch 1, 1 thread, " in out
    assert "2 evals" in out
    assert "   0  convolutional     14x14x4" in out
    assert len(json.loads(run(capsys, "speed", path, 3, "--json")[1])["passes"]) == 3
    assert run(capsys, "speed", path, 0)[0] == 2


def test_pictures(tmp_path, capsys):
    path = tmp_path / "n.cfg"
    path.write_text(TINY.replace("[yolo]\n", ""))
    out = tmp_path / "f.png"
    assert run(capsys, "visualize", path, "-out", out)[:2] == (0, f"{out}\n")
    assert out.stat().st_size > 1000
    assert run(capsys, "visualize", path, tmp_path / "gone.weights")[0] == 3
    sheet = tmp_path / "s.png"
    assert run(capsys, "imtest", out, "-out", sheet)[:2] == (0, f"{sheet}\n")
    assert run(capsys, "imtest", path)[0] == 4


def test_download_lists_what_is_known(capsys):
    status, out, err = run(capsys, "download")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == len(KNOWN) + 3
    assert "yolov3-tiny             35.4 MB  cfg/yolov3-tiny.cfg        SHA-256" in out


def test_download_refuses_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    status, out, err = run(capsys, "download", "yolo3")
    assert (status, out, err) == (2, "", "darkpy download: no model is known as 'yolo3': did you mean yolov3?\n")
    assert run(capsys, "download", "yolov3", "-url", "http://x/y")[0] == 2
    status, out, err = run(capsys, "download", "-url", "http://127.0.0.1:9/x.weights", "-output", tmp_path / "x")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "no connection" in err
    assert list(tmp_path.iterdir()) == []


def test_side():
    assert side("416") == 416
    assert side("640x384") == (384, 640)
    for text in ("", "0", "x", "1x2x3", "4.5", "70000", "-1"):
        with pytest.raises(ValueError, match="."):
            side(text)
