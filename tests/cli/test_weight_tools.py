"""The commands for weights files: Darknet's arguments, what is printed where, exit statuses."""

import json

import numpy as np

from darkpy.cli.main import main
from tests.tasks.test_weight_tools import NETS, Files


def run(capsys, *argv):
    status = main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return status, out, err


def test_commands_take_darknets_arguments(tmp_path, capsys):
    f = Files(tmp_path, NETS["images"], (0, 1))
    a, b = f.weights
    assert run(capsys, "partial", f.cfg, a, f.out, 1) == (0, "", f"{f.out} written\n")
    assert run(capsys, "average", f.cfg, f.out, a, b)[0] == 0
    for name in ("denormalize", "normalize", "reset", "rescale", "rgbgr"):
        f.out.unlink()
        assert run(capsys, name, f.cfg, a, f.out) == (0, "", f"{f.out} written\n")
        assert f.out.exists()
    assert run(capsys, "denormalize", f.cfg, a, f.out, "--cfg-out", f.cfg_out)[2].splitlines() == [
        f"{f.out} written", f"{f.cfg_out} written"]


def test_commands_end_with_a_status_and_one_line(tmp_path, capsys):
    f = Files(tmp_path, NETS["images"])
    weights = f.weights[0]
    for status, argv in ((2, ("partial", f.cfg, weights, f.out)), (2, ("partial", f.cfg, weights, f.out, "x")),
                         (2, ("partial", f.cfg, weights, f.out, "99")), (2, ("average", f.cfg, f.out)),
                         (2, ("reset", f.cfg, weights, weights)), (2, ("print", f.cfg, weights, 1)),
                         (3, ("reset", f.cfg, f.cfg, f.out)), (3, ("statistics", f.cfg, tmp_path))):
        got, out, err = run(capsys, *argv)
        assert (got, out, err.count("\n")) == (status, "", 1), err
    assert f.written() == []


def test_allow_partial_says_what_is_missing(tmp_path, capsys):
    f = Files(tmp_path, NETS["images"])
    run(capsys, "partial", f.cfg, f.weights[0], f.out, 1)
    status, _, err = run(capsys, "statistics", f.cfg, f.out, "--allow-partial")
    assert status == 0
    assert err == f"warning: {f.out}: ends before layer 1 [batchnorm]: the layers from there on keep their values\n"


def test_statistics(tmp_path, capsys):
    f = Files(tmp_path, NETS["images"])
    array = f.before().params(0)["weights"].astype(np.float64)
    rows = json.loads(run(capsys, "statistics", f.cfg, f.weights[0], "--json")[1])
    row = next(r for r in rows if (r["layer"], r["name"]) == (0, "weights"))
    expected = [108, array.mean(), array.std(), array.min(), array.max()]
    np.testing.assert_allclose([row[k] for k in ("count", "mean", "std", "min", "max")], expected)
    assert sum(r["count"] for r in rows) == (f.weights[0].stat().st_size - 20) // 4
    lines = run(capsys, "statistics", f.cfg, f.weights[0])[1].splitlines()
    assert lines[0].split() == ["layer", "kind", "parameter", "count", "mean", "std", "min", "max"]
    assert len(lines) == 1 + len(rows)
    assert [line.split()[2] for line in lines[1:]] == [r["name"] for r in rows]


def test_print(tmp_path, capsys):
    f = Files(tmp_path, NETS["images"])
    net = f.before()
    for layer, expected in ((0, net.params(0)["weights"].reshape(4, -1)),
                            (2, net.params(2)["weights"].transpose(1, 0, 2, 3).reshape(2, -1)),
                            (5, net.params(5)["weights"])):
        lines = run(capsys, "print", f.cfg, f.weights[0], layer)[1].splitlines()
        np.testing.assert_allclose([[float(x) for x in line.split()] for line in lines], expected, rtol=1e-5)
