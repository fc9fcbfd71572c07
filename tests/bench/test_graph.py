"""What the peers of the benchmark are given computes what the network computes, and their decoding is darkpy's."""

from typing import Any

import numpy as np
import pytest

import darkpy
from bench.decode import decode
from bench.graph import INPUT, Graph, read
from darkpy.ops import Reference, backend

CONV = "[convolutional]\nfilters={}\nsize={}\nstride={}\npad=1\nactivation={}\nbatch_normalize={}\n"
# every op of the graph: maxpools of all paddings, shortcuts between unequal maps, groups
BODY = (
    "[net]\nwidth=24\nheight=24\nchannels=3\n"
    + CONV.format(8, 3, 1, "leaky", 1)  # 0
    + "[maxpool]\nsize=2\nstride=2\n"  # 1: 12x12
    + CONV.format(8, 3, 1, "linear", 1) + "groups=8\n"  # 2
    + "[shortcut]\nfrom=1\nactivation=leaky\n"  # 3
    + CONV.format(12, 3, 2, "relu", 1)  # 4: 6x6
    + "[shortcut]\nfrom=3\nactivation=linear\n"  # 5: thinned out, filled up
    + "[maxpool]\nsize=2\nstride=1\n"  # 6
    + CONV.format(6, 1, 1, "logistic", 0)  # 7
    + "[shortcut]\nfrom=6\nactivation=relu\n"  # 8: cut
    + "[dropout]\n[upsample]\nstride=2\n"  # 10: 12x12
    + "[route]\nlayers=-1,3\n"  # 11: 14 channels
    + CONV.format(4, 1, 1, "leaky", 1) + "[reorg]\nstride=2\n"  # 13: 16 channels, 6x6
    + "[route]\nlayers=-1,6\n[maxpool]\nsize=3\nstride=2\n"  # 15: 28 channels, 3x3
)
ENDS = {
    "classifier": "[avgpool]\n" + CONV.format(5, 1, 1, "linear", 0) + "[softmax]\n[cost]\n",
    "yolo": CONV.format(14, 1, 1, "linear", 0) + "[yolo]\nmask=1,2\nnum=3\nclasses=2\nscale_x_y=1.1\n"
            "anchors=3,4,5,6,9,7\n",
    "region": CONV.format(14, 1, 1, "linear", 0) + "[region]\nnum=2\nclasses=2\nsoftmax=1\nanchors=1,2,2,1\n",
    "region_logistic": CONV.format(14, 1, 1, "linear", 0) + "[region]\nnum=2\nclasses=2\nanchors=1,2,2,1\n",
}
OPS = {
    "maxpool": lambda ops, o, x: ops.maxpool(padded(x, *o["pads"]), size=o["size"], stride=o["stride"], pad=0),
    "concat": lambda ops, o, *xs: np.concatenate(xs, 1),
    "add": lambda ops, o, x, y: ops.activation(x + y, kind=o["activation"]),
    "channels": lambda ops, o, x: (np.pad(x, ((0, 0), (0, o["change"]), (0, 0), (0, 0))) if o["change"] > 0
                                   else x[:, : o["change"]]),
    "upsample": lambda ops, o, x: x.repeat(o["stride"], 2).repeat(o["stride"], 3),
    "reorg": lambda ops, o, x: reorg(x, o["stride"]),
    "avgpool": lambda ops, o, x: x.mean((2, 3), keepdims=True),
    "softmax": lambda ops, o, x: np.exp(x.reshape(len(x), -1)) / np.exp(x).sum((1, 2, 3))[:, None],
}


def padded(x: np.ndarray, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=-np.inf)


def reorg(x: np.ndarray, s: int) -> np.ndarray:
    """As the exporters write it: five axes, two of them brought to the front."""
    n, c, h, w = x.shape
    cells = x.reshape(n, c // s // s * h, s, w, s)
    return cells.transpose(0, 2, 4, 1, 3).reshape(n, c * s * s, h // s, w // s)


def network(end: str, folder: Any) -> Any:
    path = folder / f"{end}.cfg"
    path.write_text(BODY + ENDS[end])
    net = darkpy.load(str(path))
    net.ops = backend("reference")
    random = np.random.default_rng(1)
    for i in range(len(net.layers)):
        for name, p in net.params(i).items():
            if name != "weights":
                p[...] = random.uniform(0.5, 1.5, p.shape) if "variance" in name else random.normal(0, 0.5, p.shape)
    return net


def run(graph: Graph, x: np.ndarray) -> list[np.ndarray]:
    ops, values = Reference(), {INPUT: x}
    for node in graph.nodes:
        xs = [values[name] for name in node.inputs]
        o = {key: tuple(v) if isinstance(v, list) else v for key, v in node.options.items()}  # JSON has no tuples
        if node.op == "conv":
            o.pop("size")
            kind = o.pop("activation")
            z = ops.conv(xs[0], graph.arrays[f"{node.name}.w"], **o)
            y = ops.activation(ops.add_bias(z, graph.arrays[f"{node.name}.b"]), kind=kind)
        else:
            y = OPS[node.op](ops, o, *xs)
        assert y.shape[1:] == tuple(node.shape), node
        values[node.name] = y
    return [values[name] for name in graph.outputs]


@pytest.mark.parametrize("end", ENDS)
def test_graph_computes_what_the_network_computes(end, tmp_path):
    net = network(end, tmp_path)
    x = np.random.default_rng(2).random((2, 3, 24, 24), np.float32)
    net.forward(x, keep=True)
    graph = read(net)
    wanted = [net.wiring[i][0] for i in net.output_layers] if graph.heads else net.output_layers
    for got, i in zip(run(graph, x), wanted, strict=True):
        want = net.outputs[i]
        assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()


@pytest.mark.parametrize("end", [end for end in ENDS if end != "classifier"])
def test_decoding_is_that_of_the_layer(end, tmp_path):
    net = network(end, tmp_path)
    layer = net.layers[-1]
    raw = np.random.default_rng(3).normal(0, 2, (1, *layer.in_shapes[0])).astype(np.float32)
    want = layer.decode(layer.forward(net.ops, raw)[0][0], 0.4)
    boxes, prob = decode(read(net).heads[0], raw[0], 0.4)
    assert len(want) == len(boxes) > 3

    def rows(b: np.ndarray, p: np.ndarray) -> np.ndarray:  # the order of candidates is the layer's own affair
        both = np.concatenate([b, p], 1)
        return both[np.lexsort(both.round(4).T)]

    np.testing.assert_allclose(rows(boxes, prob), rows(want.boxes, want.prob), rtol=1e-5, atol=1e-6)


def test_graph_is_read_back_from_its_files(tmp_path):
    graph = read(network("yolo", tmp_path))
    graph.save(tmp_path)
    again = Graph.load(tmp_path)
    assert again.heads == graph.heads and again.outputs == graph.outputs
    assert [(n.op, n.name, n.inputs) for n in again.nodes] == [(n.op, n.name, n.inputs) for n in graph.nodes]
    x = np.random.default_rng(4).random((1, 3, 24, 24), np.float32)
    for a, b in zip(run(graph, x), run(again, x), strict=True):
        np.testing.assert_array_equal(a, b)
