"""Fine-tuning with other classes, from the first training to the last, by command lines alone."""

import numpy as np
import pytest

import darkpy as package
from tests.datasets.scenes import save

NET = """[net]
batch=8
width=16
height=16
channels=3
max_crop=16
learning_rate=.05
decay={decay}
max_batches={batches}
[convolutional]
batch_normalize=1
filters=12
size=5
stride=2
pad=1
activation=leaky
{first}
[convolutional]
batch_normalize=1
filters=12
size=3
stride=2
pad=1
activation=leaky
{second}
[avgpool]
[connected]
output={classes}
activation=linear
[softmax]
"""
FIRST = {"across": (0, 2), "along": (2, 0), "slope": (2, 2), "fall": (2, -2)}  # waves (x, y) a picture
SECOND = {"wide": (1, 0), "tight": (4, 0), "steep": (1, 3)}


def pictures(folder, waves, count, seed):
    """Stripes of the classes' directions in random colours and phases; gives the .data file."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16] / 16
    paths = []
    for name, (along, down) in waves.items():
        for k in range(count):
            wave = np.sin(2 * np.pi * (along * x + down * y + random.random()))[:, :, None] * random.uniform(-1, 1, 3)
            paths.append(save(folder / f"{name}_{k}.png", (127 + 120 * wave).astype(np.uint8)))
    (folder / "list.txt").write_text("".join(f"{path}\n" for path in paths))
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in waves))
    (folder / "d.data").write_text(f"classes={len(waves)}\ntrain={folder}/list.txt\nvalid={folder}/list.txt\n"
                                   f"labels={folder}/labels.txt\nbackup={folder}/backup\n")
    return folder / "d.data"


def cfg(path, classes, batches, first="", second="", decay=0.0005):
    path.write_text(NET.format(classes=classes, batches=batches, first=first, second=second, decay=decay))
    return path


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """The convolutions of a net that was trained on the first classes, and its cfg."""
    from darkpy.cli.main import main

    folder = tmp_path_factory.mktemp("first")
    net = cfg(folder / "first.cfg", len(FIRST), 150)
    data = pictures(folder, FIRST, 12, 0)
    assert main(["train", str(data), str(net), "-no_chart", "-validate_every", "0"]) == 0
    part = folder / "first.conv.2"
    assert main(["partial", str(net), str(folder / "backup" / "first_final.weights"), str(part), "2"]) == 0
    return part


def learn(darkpy, folder, data, net, *start):
    """The mean loss of the last five batches, the net as it was saved, and what was printed."""
    done = darkpy("train", data, net, *start, "-no_chart", "-validate_every", 0, "-save_every", 0)
    assert done.status == 0, done.err
    loss = np.mean([float(line.split()[1].strip(",")) for line in done.out.splitlines()[-5:]])
    return loss, package.load(net, folder / "backup" / f"{net.stem}_final.weights"), done


def test_other_classes_are_learned_faster_from_a_backbone(darkpy, tmp_path, backbone):
    """20 batches, all layers learning, then only the last, as opposed to a net that starts from nothing."""
    data = pictures(tmp_path, SECOND, 12, 1)
    anew, _, _ = learn(darkpy, tmp_path, data, cfg(tmp_path / "anew.cfg", 3, 20))
    tuned, _, done = learn(darkpy, tmp_path, data, cfg(tmp_path / "tuned.cfg", 3, 20), backbone)
    assert "first.conv.2: layers 0 to 2 start from it, the others anew" in done.err  # [avgpool] has none
    assert tuned < 0.5 * anew, (tuned, anew)
    frozen = cfg(tmp_path / "frozen.cfg", 3, 20, second="stopbackward=1", decay=0)
    loss, net, _ = learn(darkpy, tmp_path, data, frozen, backbone)
    assert loss < 0.75 * np.log(3)  # the loss of a net that does not know
    before = package.load(frozen)
    before.load_weights(backbone, partial=True)
    for i in (0, 1):
        for name in ("weights", "biases", "scales"):
            np.testing.assert_array_equal(net.params(i)[name], before.params(i)[name])
        assert not np.array_equal(net.params(i)["rolling_mean"], before.params(i)["rolling_mean"])


def test_what_keeps_layers_as_they_are(darkpy, tmp_path, backbone):
    """learning_rate=0 keeps weights from decaying, which stopbackward=1 alone does not."""
    data = pictures(tmp_path, SECOND, 2, 1)
    before = package.load(cfg(tmp_path / "n.cfg", 3, 20))
    before.load_weights(backbone, partial=True)
    stop = cfg(tmp_path / "stop.cfg", 3, 20, second="stopbackward=1", decay=0.01)
    kept = cfg(tmp_path / "kept.cfg", 3, 20, first="learning_rate=0", second="stopbackward=1\nlearning_rate=0")
    for net, share in ((stop, 0.99), (kept, 1.0)):
        _, after, _ = learn(darkpy, tmp_path, data, net, backbone)
        ratio = np.abs(after.params(0)["weights"]).sum() / np.abs(before.params(0)["weights"]).sum()
        assert ratio == 1 if share == 1 else ratio < share
