"""The tools for weights files: what each does to the numbers a net computes, and to the files."""

import os

import numpy as np
import pytest

from darkpy import cfg
from darkpy.build import build
from darkpy.errors import ModelError, UsageError, WeightsError
from darkpy.network import Network, load
from darkpy.tasks import weight_tools as tools
from darkpy.tasks.cfg_edit import set_option
from darkpy.tasks.weight_tools import Tool

IMAGES = """[net]
width=6
height=6
channels=3

[convolutional]
# a comment
batch_normalize=1
filters=4
size=3
{pad}
activation=leaky

[batchnorm]

[deconvolutional]
batch_normalize = 1   # folds along the second axis
filters=2
size=2
stride=2
activation=leaky

[crnn]
batch_normalize=1
hidden_filters=3
output_filters=2
activation=leaky

[connected]
output=5
batch_normalize=1
activation=tanh

[connected]
output=3
activation=linear
"""
ROWS = """[net]
inputs=5
[rnn]
batch_normalize=1
output=4
activation=tanh
[gru]
batch_normalize=1
output=3
[lstm]
batch_normalize=1
output=4
[connected]
output=2
activation=linear
"""
NETS = {"images": IMAGES.format(pad="pad=1"), "rows": ROWS}


def fresh(text, seed=0):
    """A net with arbitrary parameters everywhere, also where a new layer has zeros."""
    net = Network(build(cfg.parse(text)), seed=seed)
    random = np.random.default_rng(seed)
    for _, name, array in tools.stored(net):
        low, high = {"scales": (-2, 2), "rolling_variance": (0.1, 3)}.get(name.rpartition(".")[2], (-0.5, 0.5))
        array[...] = random.uniform(low, high, array.shape)
    net.seen = 6400
    return net


class Files:
    """A cfg and weights in a folder of their own."""

    def __init__(self, folder, text, seeds=(0,)):
        self.folder, self.text, self.cfg = folder, text, folder / "net.cfg"
        self.cfg.write_text(text)
        self.weights = []
        for seed in seeds:
            self.weights.append(folder / f"{seed}.weights")
            fresh(text, seed).save(self.weights[-1])
        self.out, self.cfg_out = folder / "out.weights", folder / "out.cfg"

    def tool(self, **options):
        return Tool(str(self.cfg), str(self.weights[0]), str(self.out), **options)

    def before(self):
        return load(self.cfg, self.weights[0], batch=1)

    def after(self, path=None):
        return load(path or self.cfg, self.out, batch=1)

    def written(self):
        return sorted(set(os.listdir(self.folder)) - {"net.cfg", *(w.name for w in self.weights)})


@pytest.fixture(params=NETS)
def files(request, tmp_path):
    return Files(tmp_path, NETS[request.param])


def inputs(net, calls=2):
    random = np.random.default_rng(5)
    return [random.random((1, *net.input_shape), np.float32) for _ in range(calls)]


def close(a, b, tolerance=1e-5):
    """Both nets give the same output, in several calls: recurrent ones carry their state."""
    for x in inputs(a):
        ya, yb = a.forward(x), b.forward(x)
        assert np.abs(ya).max() > 0.01
        np.testing.assert_allclose(ya, yb, atol=tolerance * np.abs(ya).max())


# -- batch normalisation -------------------------------------------------------------------------------------------


def test_denormalize_keeps_the_output(files):
    tools.denormalize(files.tool(cfg_out=str(files.cfg_out)))
    after = files.after(files.cfg_out)
    assert not any("scales" in name for layer in after.layers if layer.kind != "batchnorm" for name in layer.declared)
    close(files.before(), after)
    assert after.seen == 6400
    with pytest.raises(WeightsError, match="this cfg needs"):
        files.after()


def test_the_cfg_of_denormalize_keeps_everything_else(files):
    tools.denormalize(files.tool(cfg_out=str(files.cfg_out)))
    kept = [line for line in files.text.splitlines() if "batch_normalize" not in line]
    assert files.cfg_out.read_text().splitlines() == kept


def test_reset_keeps_output_and_cfg(files):
    tools.reset(files.tool())
    after = files.after()
    close(files.before(), after)
    for layer in after.layers:
        for prefix in tools.folded(layer):
            assert np.all(layer.params[f"{prefix}scales"] == 1) and np.all(layer.params[f"{prefix}rolling_mean"] == 0)


def test_normalize_keeps_the_output(files):
    tools.normalize(files.tool(cfg_out=str(files.cfg_out)))
    after = files.after(files.cfg_out)
    assert all(layer.config.batch_normalize for layer in after.layers if hasattr(layer.config, "batch_normalize"))
    close(files.before(), after)


@pytest.mark.parametrize("option", ["binary", "xnor"])
def test_denormalize_of_binary_weights(tmp_path, option):
    files = Files(tmp_path, IMAGES.format(pad=f"pad=1\n{option}=1"))
    tools.denormalize(files.tool(cfg_out=str(files.cfg_out)))
    close(files.before(), files.after(files.cfg_out))


# -- pixels --------------------------------------------------------------------------------------------------------


def test_rgbgr_swaps_the_channels(tmp_path):
    files = Files(tmp_path, NETS["images"])
    tools.rgbgr(files.tool())
    before, after = files.before(), files.after()
    for x in inputs(before):
        np.testing.assert_allclose(before.forward(x), after.forward(x[:, ::-1]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("normalized", [True, False])
def test_rescale_moves_the_range_of_pixels(tmp_path, normalized):
    text = IMAGES.format(pad="pad=0")
    files = Files(tmp_path, text if normalized else text.replace("batch_normalize=1", "batch_normalize=0", 1))
    tools.rescale(files.tool())
    before, after = files.before(), files.after()
    for x in inputs(before):
        np.testing.assert_allclose(before.forward(2 * x - 1), after.forward(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("tool", "change", "says"), [
    ("rgbgr", ("channels=3", "channels=1"), "layer 0 .* reads 1 channels"),
    ("rgbgr", ("filters=4", "filters=3\ngroups=3"), "3 groups"),
    ("rescale", ("size=3", "size=3\nxnor=1"), "layer 0 .* binary weights"),
])
def test_pixels_that_cannot_be_changed(tmp_path, tool, change, says):
    files = Files(tmp_path, NETS["images"].replace(*change))
    with pytest.raises(ModelError, match=says):
        getattr(tools, tool)(files.tool())
    assert files.written() == []


def test_nothing_to_swap_without_a_convolution(tmp_path):
    files = Files(tmp_path, ROWS)
    with pytest.raises(ModelError, match=r"no \[convolutional\]"):
        tools.rgbgr(files.tool())


# -- cutting and averaging -----------------------------------------------------------------------------------------


def test_partial_and_back(files):
    tools.partial(files.tool(), 2)
    with pytest.raises(WeightsError, match=r"it ends before layer 2 .*--allow-partial"):
        files.after()
    net, before = Network(build(cfg.parse(files.text)), seed=9), files.before()
    start = Network(build(cfg.parse(files.text)), seed=9)
    net.load_weights(files.out, partial=True)
    assert net.seen == 0
    for i in range(len(net.layers)):
        for name, param in net.layers[i].declared.items():
            if param.stored:
                source = before if i < 2 else start
                np.testing.assert_array_equal(net.params(i)[name], source.params(i)[name])


def test_partial_counts_its_layers(files):
    with pytest.raises(UsageError, match="99 layers of .*: it has"):
        tools.partial(files.tool(), 99)
    assert files.written() == []


@pytest.mark.parametrize("name", NETS)
def test_average(tmp_path, name):
    files = Files(tmp_path, NETS[name], (0, 1, 2))
    tools.average(files.tool(more_weights=[str(w) for w in files.weights[1:]]))
    after = files.after()
    nets = [load(files.cfg, w) for w in files.weights]
    for parts in zip(*(tools.stored(net) for net in (after, *nets)), strict=True):
        mean, *arrays = (array for _, _, array in parts)
        np.testing.assert_allclose(mean, np.mean(arrays, axis=0, dtype=np.float64), rtol=1e-5, atol=1e-6)


# -- detectors from classifiers ------------------------------------------------------------------------------------

BODY = "[net]\nwidth=6\nheight=6\nchannels=3\n[convolutional]\nfilters=4\nsize=3\nbatch_normalize=1\nactivation=leaky\n"
CLASSIFIER = BODY + "[convolutional]\nfilters=7\nsize=1\nactivation=linear\n[avgpool]\n[softmax]\n"
REGION = BODY + "[convolutional]\nfilters=36\nsize=1\nactivation=linear\n[region]\nanchors=1,1, 2,2, 3,3\nnum=3\n" \
                "classes=7\ncoords=4\n"
YOLO = BODY + "[convolutional]\nfilters=24\nsize=1\nactivation=linear\n[yolo]\nanchors=1,1, 2,2, 3,3\nnum=3\n" \
              "mask=0,2\nclasses=7\n"


@pytest.mark.parametrize(("text", "anchors"), [(REGION, 3), (YOLO, 2)])
def test_oneoff_gives_every_anchor_the_classes(tmp_path, text, anchors):
    files = Files(tmp_path, CLASSIFIER)
    detector = tmp_path / "net.cfg"
    classifier = files.before()
    detector.write_text(text)
    tools.oneoff(files.tool())
    after = files.after()
    assert after.seen == 0
    np.testing.assert_array_equal(after.params(0)["weights"], classifier.params(0)["weights"])
    for name in ("weights", "biases"):
        rows = after.params(1)[name].reshape(anchors, 12, -1)
        for anchor in rows:
            np.testing.assert_array_equal(anchor[5:], classifier.params(1)[name].reshape(7, -1))
        boxes = rows[:, :5]
        assert np.all(boxes == 0) if name == "biases" else 0 < np.abs(boxes).max() < 0.5


def test_oneoff_needs_a_detector_and_its_classes(tmp_path):
    files = Files(tmp_path, CLASSIFIER)
    with pytest.raises(ModelError, match="give the cfg of a detector"):
        tools.oneoff(files.tool())
    files.cfg.write_text(REGION.replace("classes=7", "classes=8").replace("filters=36", "filters=39"))
    with pytest.raises(WeightsError, match=r"it ends in layer 1 \[convolutional\] weights"):
        tools.oneoff(files.tool())
    assert files.written() == []


def test_oneoff2_reads_the_file_twice(tmp_path):
    part = "[convolutional]\nfilters={}\nsize=1\nactivation=leaky\n"
    half = part.format(5) + part.format(3)
    files = Files(tmp_path, "[net]\nwidth=4\nheight=4\nchannels=3\n" + half)
    one = files.before()
    files.cfg.write_text(files.text + half)
    tools.oneoff2(files.tool(), 2)
    after = files.after()
    assert after.seen == 0
    for i in range(4):
        np.testing.assert_array_equal(after.params(i)["weights"], one.params(i % 2)["weights"])
    with pytest.raises(ModelError, match=r"layer 1 \[convolutional\] has other parameters than layer 0"):
        tools.oneoff2(files.tool(overwrite=True), 1)
    files.weights[0].write_bytes(files.weights[0].read_bytes()[:-4])
    with pytest.raises(ModelError, match=r"ends in layer 1 \[convolutional\] weights"):
        tools.oneoff2(files.tool(overwrite=True), 2)
    with pytest.raises(UsageError, match="layer 4 of .*layers 0 to 3"):
        tools.oneoff2(files.tool(), 4)


# -- files ---------------------------------------------------------------------------------------------------------


def test_an_input_is_replaced_only_on_demand(files):
    old = files.weights[0].read_bytes()
    files.out = files.weights[0]
    with pytest.raises(UsageError, match=r"is also read: .*--overwrite"):
        files.tool()
    assert files.weights[0].read_bytes() == old
    tools.reset(files.tool(overwrite=True))
    assert files.weights[0].read_bytes() != old


def test_a_cfg_is_never_replaced(files):
    for out, cfg_out in ((files.cfg, None), (files.out, files.cfg), (files.out, files.weights[0]),
                         (files.out, files.out)):
        with pytest.raises(UsageError, match="give another"):
            Tool(str(files.cfg), str(files.weights[0]), str(out), overwrite=True,
                 cfg_out=str(cfg_out) if cfg_out else None)
    linked = files.folder / "link.cfg"
    linked.symlink_to(files.cfg)
    with pytest.raises(UsageError, match="would replace the cfg"):
        Tool(str(files.cfg), str(files.weights[0]), str(linked))


def test_bad_weights_leave_no_output(files):
    files.weights[0].write_bytes(files.weights[0].read_bytes()[:-4])
    for name in ("denormalize", "normalize", "reset", "average"):
        with pytest.raises(WeightsError, match="it ends in"):
            getattr(tools, name)(files.tool())
    assert files.written() == []
    tools.reset(files.tool(allow_partial=True))
    assert files.written() == ["out.weights"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_set_option(end):
    text = end.join(["[net]", "width=4", "[a]", "x=1", "# x=2", "y=3", "x=4", "[a]", "[a]"])
    sections = cfg.parse(text)
    assert set_option(text, sections[1:3], "x", None) == end.join(
        ["[net]", "width=4", "[a]", "# x=2", "y=3", "[a]", "[a]"])
    assert set_option(text, sections[2:], "x", "7") == text.replace(
        f"[a]{end}[a]", f"[a]{end}x=7{end}[a]{end}x=7{end}")
