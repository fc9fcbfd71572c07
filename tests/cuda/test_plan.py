"""The plan on the device: the same results as the layers one after another, from fused kernels and one arena."""

import numpy as np
import pytest

from darkpy import cfg
from darkpy.build import build
from darkpy.cuda import SIMULATED
from darkpy.errors import UsageError
from darkpy.network import Network
from darkpy.ops import backend
from darkpy.ops.cuda.memory import pool
from darkpy.ops.halves import WORD
from darkpy.plan.device import Convolution
from tests.cuda import nets
from tests.cuda.test_network import batch, close, pair

HEAD = "[net]\nwidth=6\nheight=6\nchannels=3\nbatch=1\n"
CONV = "[convolutional]\nfilters={}\nsize={}\npad=1\nactivation={}\nbatch_normalize={}\n"
ODD = [
    HEAD + CONV.format(4, 3, "leaky", 1) + CONV.format(4, 3, "linear", 1) + "[shortcut]\nfrom=-2\nactivation=relu\n",
    HEAD + CONV.format(4, 1, "mish", 0) + "[route]\nlayers=-1,0\n" + CONV.format(3, 3, "logistic", 0),
    HEAD + CONV.format(4, 3, "leaky", 1) + "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n" + CONV.format(2, 1, "relu", 0),
    HEAD + CONV.format(4, 3, "leaky", 1) + "[convolutional]\nfilters=4\ngroups=4\nsize=3\npad=1\nactivation=leaky\n",
    HEAD + "[convolutional]\nfilters=4\nsize=3\nstride=2\npad=1\nxnor=1\nactivation=leaky\nbatch_normalize=1\n",
    HEAD + CONV.format(2, 3, "leaky", 1) + "[maxpool]\nsize=2\nstride=2\n[connected]\noutput=4\nactivation=tanh\n"
    "[softmax]\n",
]
# a value that is read as halves and in float32; a route of both kinds; halves that only become float32 again
YOLO2 = (HEAD + CONV.format(8, 3, "leaky", 1) + "[maxpool]\nsize=2\nstride=2\n" + CONV.format(3, 3, "leaky", 0)
         + "[route]\nlayers=-3\n[reorg]\nstride=2\n[route]\nlayers=-1,-3\n" + CONV.format(4, 1, "linear", 0)
         + "[avgpool]\n")


@pytest.mark.parametrize("text", [nets.YOLO3, nets.CLASSIFIER, nets.RECURRENT, *ODD])
def test_plan(text):
    cpu, cuda = pair(text)
    x = np.random.default_rng(0).random((cpu.batch, *cpu.input_shape), np.float32)
    plan, reference = cuda.plan(), cpu.plan()
    for _ in range(2):  # state is carried, memory is used again
        for mine, expected in zip(plan(x), reference(x), strict=True):
            close(mine, expected, "output")
    if len(cpu.input_shape) == 3:
        for mine, expected in zip(plan(x[:1]), reference(x[:1]), strict=True):
            close(mine, expected, "one image")
        assert len(plan.programs) == (1 if cpu.batch == 1 else 2)


def test_chains_are_one_kernel():
    _, cuda = pair(ODD[0])
    program = cuda.plan().program(1)
    assert [type(step) for step in program.program.steps] == [Convolution, Convolution]
    second = program.program.steps[1]
    assert second.residual is program.program.steps[0].outs[0] and second.after == 0
    assert len(program.calls) == 2


XNOR = "[convolutional]\nfilters={}\nsize={}\nstride={}\npad=1\nxnor=1\nactivation={}\nbatch_normalize={}\n"


@pytest.mark.parametrize("text", [
    HEAD + XNOR.format(9, 3, 1, "leaky", 1), HEAD + XNOR.format(8, 1, 2, "linear", 0),
    HEAD.replace("channels=3", "channels=35") + XNOR.format(3, 3, 2, "mish", 1),
    HEAD + CONV.format(4, 3, "linear", 1) + XNOR.format(4, 3, 1, "leaky", 1)
    + "[shortcut]\nfrom=-2\nactivation=leaky\n",
])
def test_xnor_on_bits(text):
    cpu, cuda = pair(text)
    x = np.random.default_rng(0).random((2, *cpu.input_shape), np.float32) - np.float32(0.5)
    plan = cuda.plan()
    for mine, expected in zip(plan(x), cpu.plan()(x), strict=True):
        close(mine, expected, "output")
    steps = plan.program(2).program.steps
    assert any(isinstance(step, Convolution) and step.signs for step in steps)
    assert not any(getattr(step, "op", "") == "quantize" for step in steps)


def test_a_call_takes_no_memory():
    _, cuda = pair(nets.YOLO3)
    plan, (x, _) = cuda.plan(), batch(cuda)
    plan(x)
    held = pool.held
    plan(x)
    assert pool.held == held


def test_training_goes_on_beside_a_plan():
    cpu, cuda = pair(nets.YOLO3)
    x, truth = batch(cuda)
    plan = cuda.plan()
    before = plan(x)[0]
    cuda.train_step(x, truth)
    np.testing.assert_array_equal(plan(x)[0], before)  # it keeps the parameters it was made of
    assert not np.array_equal(cuda.plan()(x)[0], before)


HALF = 4e-3  # of the largest number: some layers of numbers with 11 bits


@pytest.mark.parametrize("text", [nets.YOLO3, nets.CLASSIFIER, *ODD, YOLO2])
def test_half_precision(text):
    cpu, cuda = pair(text)
    x = np.random.default_rng(0).random((1, *cpu.input_shape), np.float32)
    plan = cuda.plan(precision="fp16")
    assert plan.precision == "fp16" and not plan.note
    for mine, expected in zip(plan(x), cpu.plan()(x), strict=True):
        close(mine, expected, "output", HALF)


def test_maps_stay_halves():
    """Between convolutions of a net with a shortcut, a pool, an upsampling and a route nothing is converted."""
    _, cuda = pair(nets.YOLO3.replace("filters=4\n", "filters=8\n").replace("filters=3\n", "filters=8\n"))
    steps = cuda.plan(precision="fp16").program(1).program.steps
    assert [step.op for step in steps if not isinstance(step, Convolution)] == [
        "to_half", "maxpool", "yolo_activate", "upsample", "concat", "yolo_activate"]
    assert all(step.x.dtype == WORD for step in steps if isinstance(step, Convolution))


def test_only_what_convolutions_read_is_halves():
    """A mish between them, and a shortcut whose sum is not one kernel with a convolution; not the last ones."""
    text = (HEAD + CONV.format(8, 3, "mish", 1) + CONV.format(8, 3, "mish", 1) + "[shortcut]\nfrom=-2\n"
            + CONV.format(8, 1, "mish", 0) + "[maxpool]\nsize=2\nstride=2\n")
    cpu, cuda = pair(text)
    plan = cuda.plan(precision="fp16")
    assert [(getattr(step, "op", "conv"), step.outs[0].dtype) for step in plan.program(1).program.steps] == [
        ("to_half", WORD), ("conv", WORD), ("activation", WORD), ("conv", WORD), ("activation", WORD),
        ("shortcut", WORD), ("conv", "float32"), ("activation", "float32"), ("maxpool", "float32")]
    x = np.random.default_rng(0).random((1, *cpu.input_shape), np.float32)
    close(plan(x)[0], cpu.plan()(x)[0], "output", HALF)


def test_a_gpu_without_half_precision(monkeypatch):
    monkeypatch.setattr("darkpy.cuda.capability", lambda: (7, 5))
    plan = pair(ODD[0])[1].plan(precision="fp16")
    assert plan.precision == "float32"
    assert plan.note == ("precision fp16: this GPU has compute capability 7.5, and fp16 needs 8.0, so float32 is "
                         "computed")


@pytest.mark.skipif(not SIMULATED, reason="there may be more GPUs")
def test_one_gpu_is_simulated():
    assert backend("cuda:0").name == backend("auto:0").name == "cuda"
    with pytest.raises(UsageError, match="device=cuda: there is no GPU 1: the only one is 0"):
        backend("cuda:1")


def test_faults():
    net = Network(build(cfg.parse(ODD[0])), "cuda")
    with pytest.raises(UsageError, match=r"input of shape \(1, 5\): this net takes"):
        net.plan()(np.zeros((1, 5)))
    with pytest.raises(UsageError, match="precision bf16 is for the CPU"):
        net.plan(precision="bf16")


def test_memory_that_is_out(monkeypatch):
    from darkpy.ops.cuda import memory

    monkeypatch.setattr(memory, "free_memory", lambda: 5 * 2.0**20)
    monkeypatch.setattr(memory.numba_cuda, "device_array", lambda *a: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(UsageError, match=r"out of memory on the GPU: 40 MB more are needed, 5 MB are free and \d+ MB "
                                         "in use by this process: choose a smaller batch="):
        memory.Array((10 << 20,))
