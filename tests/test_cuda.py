"""The CUDA kernels where there is no GPU: under numba's simulator, and compiled to NVIDIA's assembly language."""

import importlib.util
import os
import subprocess
import sys
import threading

import pytest

from darkpy import cuda
from darkpy.cli import models, train
from darkpy.cli.args import parse
from darkpy.cli.main import main
from darkpy.errors import UsageError
from darkpy.ops import Cpu, backend

INSTALLED = importlib.util.find_spec("numba_cuda") is not None
needs_package = pytest.mark.skipif(not INSTALLED, reason=f"needs numba-cuda: {cuda.INSTALL}")


def run(*arguments, **environment):
    return subprocess.run([sys.executable, *arguments], env=os.environ | environment, capture_output=True, text=True)


@needs_package
def test_under_the_simulator():
    """tests/cuda, in a process of its own: the simulator takes the place of numba.cuda for good."""
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/cuda", NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout, done.stdout[-2000:]


@needs_package
def test_kernels_compile_for_gpus():
    done = run("-m", "tests.cuda.ptx")
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr[-5000:]
    assert int(done.stdout) > 100


def test_what_is_missing_is_told(monkeypatch):
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="device=cuda: the package numba-cuda is not installed: install it with: pip"):
        backend("cuda")
    assert isinstance(backend("auto"), Cpu)


@needs_package
def test_no_gpu_is_told():
    code = ("from darkpy import cuda; from darkpy.ops import backend\n"
            "try: backend('cuda')\nexcept Exception as e: print(type(e).__name__, e)\nelse: print('GPU')")
    done = run("-c", code, CUDA_VISIBLE_DEVICES="", NUMBA_ENABLE_CUDASIM="0")
    assert done.stdout.startswith("UsageError device=cuda: no NVIDIA GPU can be used ("), done


@needs_package
@pytest.mark.parametrize("command", [("detect", "cfg/yolov3-tiny.cfg", "no.weights", "no.jpg"),
                                     ("train", "no.data", "cfg/yolov3-tiny.cfg"),
                                     ("classify", "cfg/darknet19.cfg", "no.weights", "no.jpg")], ids=lambda c: c[0])
def test_the_command_line_tells_it(command, monkeypatch, capsys):
    monkeypatch.setattr(cuda, "missing", lambda: "no NVIDIA GPU can be used")
    assert main([*command, "-device", "cuda"]) == 2
    assert capsys.readouterr().err == f"darkpy {command[0]}: device=cuda: no NVIDIA GPU can be used\n"
    monkeypatch.setenv("DARKPY_DEVICE", "cuda")
    assert main([*command]) == 2
    assert main([*command, "-nogpu"]) in (3, 4)  # the CPU finds what else is wrong


def test_a_device_nobody_knows():
    for name in ("tpu", "cpu:1", "cuda:", "cuda:-1", "cuda:x"):
        with pytest.raises(UsageError, match=f"device='{name}' is unknown: use cpu, cuda or auto, and cuda:1 for the"):
            backend(name)


class Gpus:
    """Stands for numba.cuda on a machine with three GPUs."""

    gpus = range(3)

    def __init__(self):
        self.selected = []

    def select_device(self, number):
        self.selected.append(number)

    def stream(self):
        return "a stream"


@pytest.fixture
def gpus(monkeypatch):
    made = Gpus()
    monkeypatch.setattr(cuda, "missing", lambda: "")
    monkeypatch.setattr(cuda, "numba_cuda", made)
    monkeypatch.setattr(cuda, "_stream", None)
    monkeypatch.setattr(cuda, "_number", 0)
    monkeypatch.setattr(cuda, "_thread", threading.local())
    return made


def test_one_of_several_gpus(gpus):
    cuda.choose(0)
    assert gpus.selected == []  # the first is what threads use by themselves
    cuda.choose(2)
    cuda.choose(2)
    assert gpus.selected == [2]
    assert cuda.stream() == "a stream" and gpus.selected == [2]
    other = threading.Thread(target=cuda.stream)
    other.start()
    other.join()
    assert gpus.selected == [2, 2]  # in another thread, once more
    with pytest.raises(UsageError, match="device=cuda: this process computes on GPU 2: GPU 1 needs one of its own"):
        cuda.choose(1)
    with pytest.raises(UsageError, match="device=cuda: there is no GPU 3: they are 0 to 2"):
        cuda.choose(3)


@pytest.mark.parametrize(("words", "wanted", "note"), [
    ("-device cuda", "cuda", ""), ("-device cuda -i 2", "cuda:2", ""), ("-device auto -i 1", "auto:1", ""),
    ("-device cuda -i -1", "cpu", ""), ("-device cuda -nogpu -i 1", "cpu", ""), ("-i 1", "cpu", ""),
    ("-device cuda -gpus 1", "cuda:1", ""), ("-gpus 0,1", "cpu", ""),
    ("-device cuda -gpus 2,0", "cuda:2", "-gpus: training on several GPUs is not possible yet, one is used: 2\n"),
])
def test_numbers_of_gpus(gpus, words, wanted, note, capsys):
    command = next(c for c in train.COMMANDS if c.name == "train")
    assert models.device(parse(command, ["a.data", "a.cfg", *words.split()])) == wanted
    assert capsys.readouterr().err == note


def test_a_gpu_that_is_not_there(gpus, capsys):
    assert main(["detect", "cfg/yolov3-tiny.cfg", "no.weights", "no.jpg", "-device", "cuda", "-i", "3"]) == 2
    assert capsys.readouterr().err == "darkpy detect: device=cuda: there is no GPU 3: they are 0 to 2\n"


def test_the_cpu_does_without():
    """Nothing of CUDA is loaded for what the CPU computes."""
    code = ("import sys, numpy, darkpy; net = darkpy.load('cfg/yolov3-tiny.cfg', size=32); net.plan(); "
            "net.forward(numpy.zeros((1, 3, 32, 32), 'f'));"
            "print([m for m in sys.modules if m.startswith(('numba_cuda', 'numba.cuda', 'darkpy.cuda', 'cuda.'))])")
    done = run("-c", code)
    assert done.stdout.strip() == "[]", done
