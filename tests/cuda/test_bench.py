"""bench/gpu.py runs from end to end, on a net for the simulator."""

import re

import numpy as np

from bench import gpu
from darkpy import cfg, cuda
from darkpy.build import build
from darkpy.network import Network
from tests.cuda import nets


def tiny(name, size, batch, device):
    net = Network(build(cfg.parse(nets.YOLO3), batch=batch), device)
    with net.on_host():
        for layer in net.layers:
            if "rolling_variance" in layer.params:
                layer.params["rolling_variance"][...] = 1
    return net


def test_the_whole_benchmark(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "net_of", tiny)
    monkeypatch.setattr(gpu, "timed", lambda run, repeats: (run(), 2.0)[1])
    gpu.inference("tiny", 8, 1, 1, peers=False)
    monkeypatch.setattr(gpu, "PRODUCTS", ((5, 8, 7),))
    gpu.products(1, peers=False)
    monkeypatch.setattr(gpu, "SIGNS", (1, 3, 4))
    gpu.binary(1)
    gpu.training("tiny", 8, 2, 1, peers=False)
    out = capsys.readouterr().out
    assert re.search(r"tiny 8x8, batch 1\n  float32 differs from the reference by \d\S+; .*\n  fp16 differs", out)
    assert "product 5 x 8 x 7\n" in out and "images/s: darkpy 1000.0" in out
    exact, narrow = (float(error) for error in re.findall(r"TFLOP/s; differs by (\S+)", out))
    assert exact < 1e-6 and narrow < 1e-3


def test_ratios(capsys):
    gpu.report([gpu.Row("darkpy", 2.0), gpu.Row("other", 1.0)])
    assert "darkpy has 0.50 times its speed" in capsys.readouterr().out


def test_like_is_compared_with_like(capsys):
    gpu.compare([gpu.Row("darkpy float32", 2.0), gpu.Row("darkpy fp16", 1.0)],
                [gpu.Row("cuBLAS fp32", 1.0), gpu.Row("cuBLAS fp16", 3.0)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("darkpy float32 has 0.50 times its speed") and "cuBLAS fp32" in lines[1]
    assert lines[3].endswith("darkpy fp16 has 3.00 times its speed") and "cuBLAS fp16" in lines[3]


def test_a_wrong_number_ends_it(monkeypatch):
    def spoiled(name, size, batch, device):
        net = tiny(name, size, batch, device)
        if device == "cuda":
            with net.on_host():
                net.params(0)["weights"][...] *= np.float32(1.5)
        return net

    monkeypatch.setattr(gpu, "net_of", spoiled)
    try:
        gpu.check("tiny")
    except SystemExit as e:
        assert "in float32 differ from the reference" in str(e)
    else:
        raise AssertionError("passed")
    assert cuda.missing() == ""
