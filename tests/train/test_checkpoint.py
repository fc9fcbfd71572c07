"""Checkpoints: all of a net's state comes back; a file that does not belong to it is refused and changes nothing."""

import numpy as np
import pytest

import darkpy
from darkpy.cfg import parse
from darkpy.train import CheckpointError, checkpoint

NET = ("[net]\nbatch=2\ntime_steps=2\ninputs=3\nmax_batches=9\n{more}[rnn]\nhidden=3\noutput=4\nbatch_normalize=1\n"
       "[connected]\noutput={outputs}\nactivation=linear\n[cost]\n")


def network(outputs=2, more="", steps=0):
    net = darkpy.load(parse(NET.format(outputs=outputs, more=more), "n.cfg"))
    random = np.random.default_rng(0)
    for _ in range(steps):
        net.train_step(random.random((4, 3), np.float32), random.random((4, outputs), np.float32))
        net.random.random()
    return net


def everything(net):
    arrays = {(i, group, name): a.tobytes() for i, layer in enumerate(net.layers) for group in checkpoint.GROUPS
              for name, a in getattr(layer, group).items()}
    return arrays, net.seen, net.updates, net.random.bit_generator.state


@pytest.mark.parametrize("more", ["", "adam=1\n"])
def test_round_trip(tmp_path, more):
    net, other = network(more=more, steps=3), network(more=more)
    checkpoint.save(tmp_path / "c", net, {"a": [1.1, None]})
    mine = other.params(0)["input_layer.weights"]
    assert everything(other) != everything(net)
    assert checkpoint.load(tmp_path / "c", other) == {"a": [1.1, None]}
    assert everything(other) == everything(net)
    assert {group for _, group, _ in everything(net)[0]} == set(checkpoint.GROUPS)
    assert other.params(0)["input_layer.weights"] is mine


def test_equal_states_are_equal_bytes(tmp_path):
    for name in "ab":
        checkpoint.save(tmp_path / name, network(steps=2), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def refused(path, net, text):
    before = everything(net)
    with pytest.raises(CheckpointError, match=text) as e:
        checkpoint.load(path, net)
    assert "\n" not in str(e.value) and str(path) in str(e.value)
    assert everything(net) == before


def test_another_cfg(tmp_path):
    checkpoint.save(tmp_path / "c", network(steps=1), {})
    refused(tmp_path / "c", network(outputs=3), "another cfg")
    refused(tmp_path / "c", network(more="momentum=.5\n"), "another cfg")
    longer = darkpy.load(parse(NET.format(outputs=2, more="").replace("max_batches=9", "max_batches=99"), "n.cfg"))
    checkpoint.load(tmp_path / "c", longer)


def test_any_damage_is_found(tmp_path):
    path = tmp_path / "c"
    checkpoint.save(path, network(steps=1), {})
    good, net = path.read_bytes(), network()
    for at in {*range(30), *range(30, len(good), 37), len(good) - 1}:
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        refused(path, net, "damaged|not a checkpoint|version")
        path.write_bytes(good[:at])
        refused(path, net, "damaged|not a checkpoint")
    path.write_bytes(good + b"\0")
    refused(path, net, "damaged")


def test_no_file(tmp_path):
    refused(tmp_path / "gone", network(), "no such file")
    refused(tmp_path, network(), "cannot be read")
