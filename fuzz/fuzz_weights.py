"""Any bytes as weights of a small net: all its numbers are finite after a load, or unchanged after an error."""

import numpy as np
from harness import file_of, fuzz, instrumented, refusing

with instrumented():
    from darkpy import cfg
    from darkpy.errors import WeightsError
    from darkpy.network import load

CFG = "[net]\nwidth=4\nheight=4\nchannels=1\n[convolutional]\nbatch_normalize=1\n[connected]\noutput=2\n"
NET = load(cfg.parse(CFG))


def numbers() -> np.ndarray:
    return np.concatenate([a.ravel() for i in range(len(NET.layers)) for a in NET.params(i).values()])


def attempt(data: bytes) -> None:
    path = file_of(data[1:], "n.weights")
    before = numbers().copy()
    with refusing(path, WeightsError):
        try:
            NET.load_weights(path, partial=data[:1] > b"\x7f")
        except WeightsError:
            assert np.array_equal(numbers(), before)
            raise
    assert np.isfinite(numbers()).all()


if __name__ == "__main__":
    fuzz(attempt)
