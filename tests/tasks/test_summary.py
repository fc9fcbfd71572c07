"""Summaries: the arithmetic the original counts, shapes and sources of every row."""

import pytest

from darkpy import cfg
from darkpy.build import build
from darkpy.errors import CfgError
from darkpy.tasks.summary import summarize
from tests.shared import ROOT

# What the original's `ops` prints.  Of yolov1 and t1.test it leaves out the work of [local].
OPERATIONS = {
    "alexnet": 2270512192, "cifar": 1624397824, "darknet19": 7290748928, "darknet53": 18570231808,
    "darknet9000": 25706971136, "densenet201": 10848043008, "extraction.conv": 10997415936, "go": 5112083456,
    "gru": 2490368, "jnet-conv": 51229440, "resnet152": 29393682432, "resnext101-32x4d": 18915065856, "rnn": 17825792,
    "strided": 5336629248, "tiny": 983048192, "vgg-16": 30940528640, "writing": 2566914048, "yolo9000": 49062045696,
    "yolov1-tiny": 3216030720, "yolov2-tiny": 5406442496, "yolov2-voc": 29360334848, "yolov2": 62938253312,
    "yolov3-openimages": 148780888064, "yolov3-spp": 141448972288, "yolov3-tiny": 5564961792,
    "yolov3-voc": 65427974144, "yolov3": 140691900416,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_those_of_the_original(name):
    graph = build(cfg.read(ROOT / "cfg" / f"{name}.cfg"))
    assert sum(layer.flops for layer in graph.layers) == OPERATIONS[name]


def test_local_layers_count_too():
    summary = summarize(ROOT / "cfg/yolov1.cfg")
    local = next(r for r in summary.rows if r.kind == "local")
    assert local.flops == 2 * (local.params - 7 * 7 * 256)
    assert summary.flops - local.flops == 40190248448


def test_yolov3():
    s = summarize(ROOT / "cfg/yolov3.cfg")
    assert s.params == 62001757
    assert round(s.at_sides[416] / 1e9, 1) == 65.9
    assert 608 not in s.at_sides
    assert len(s.rows) == 107
    assert s.rows[0].window == "3x3/1"
    assert s.rows[1].window == "3x3/2"
    assert s.rows[1].out_shape == (64, 304, 304)
    assert s.rows[1].memory == 4 * 64 * 304 * 304
    assert s.rows[4].sources == [3, 1]
    assert s.rows[98].sources == [97, 36]
    assert s.rows[97].window == "2x"
    assert cfg.read(ROOT / "cfg/yolov3.cfg")[1].line == s.rows[0].line


def test_size_replaces_the_cfgs():
    s = summarize(ROOT / "cfg/yolov3-tiny.cfg", size=(384, 640))
    assert s.input_shape == (3, 384, 640)
    assert s.rows[-1].out_shape == (255, 24, 40)
    with pytest.raises(CfgError, match="joins maps of different size, .*no multiple of 32"):
        summarize(ROOT / "cfg/yolov3-tiny.cfg", size=100)


def test_a_net_of_fixed_size_has_no_other_sizes():
    assert list(summarize(ROOT / "cfg/yolov1.cfg").at_sides) == [416]  # [connected] sees 7x7 cells at 448 and at 416
    assert summarize(ROOT / "cfg/rnn.cfg").at_sides == {}


def test_window_names_what_is_unusual(tmp_path):
    path = tmp_path / "n.cfg"
    path.write_text("[net]\nwidth=16\nheight=16\nchannels=4\n"
                    "[convolutional]\nsize=3\npad=1\nfilters=4\ngroups=2\ndilation=2\nstride_x=2\n[maxpool]\nsize=2\n")
    rows = summarize(path).rows
    assert rows[0].window == "3x3/2x1 dilation 2 groups 2"
    assert rows[1].window == "2x2/1"


def test_binary_networks():
    s = summarize(ROOT / "cfg/yolov2-tiny-xnor.cfg")
    assert s.is_binary and not summarize(ROOT / "cfg/yolov2-tiny.cfg").is_binary
    convs = [r for r in s.rows if r.kind == "convolutional"]
    assert [(r.bits, r.input_bits) for r in convs] == [(32, 32), *[(1, 1)] * 7, (32, 32)]
    big = convs[6]  # 512 -> 1024
    assert big.packed == 512 * 1024 * 9 // 8 + 4 * 1024 + 4 * 1024  # bits, factors, biases
    assert s.bit_flops == sum(r.flops for r in convs[1:-1])
    bwn = summarize(ROOT / "cfg/yolov2-tiny-bwn.cfg")
    assert bwn.bit_flops == 0 and bwn.rows[2].bits == 1 and bwn.rows[2].input_bits == 32
