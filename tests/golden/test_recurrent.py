"""Training of recurrent layers against the original program, whose backward has mistakes that darkpy's has not.

With those mistakes put back (`original_recurrent`) every number of every step is met; and without them every number
of the first step that the mistakes do not reach.
"""

import pytest

from tests.golden import harness, original_recurrent
from tests.golden.test_train import Recording

# recording: what of its first step the original's mistakes reach
REACHED = {
    "rnn": r"L0\.input_layer/|input_delta",
    "rnn_bn": r"L0\.input_layer/(?!rolling)|input_delta",
    "rnn_shortcut": r"L0\.|input_delta",
    "crnn": r"L0\.input_layer/\w+_updates|input_delta",
    "crnn_bn": r"L0\.input_layer/\w+_updates|input_delta",
    "lstm": r"L0\.w./weight|L0\.[uw]f|input_delta",
    "lstm_bn": r"L0\.w./(weight|scale)|L0\.[uw]f/(?!rolling)|input_delta",
    "lstm_2layer": r"L0\.|L1\.w./weight|L1\.[uw]f|input_delta",
}


def recording(name, monkeypatch):
    if name.startswith("crnn"):
        # the original swaps width and height on the way into [crnn]; and its inner layers have learning rate 0
        build = harness.network
        monkeypatch.setattr(harness, "network", lambda text, folder: build(text, folder, width=5, height=6))
        r = Recording(name)
        r.net.layers[0].config.learning_rate = 0.0
        return r
    return Recording(name)


@pytest.mark.golden
@pytest.mark.parametrize("name", REACHED)
def test_with_the_originals_mistakes(name, monkeypatch):
    original_recurrent.substitute(monkeypatch)
    recording(name, monkeypatch).compare()


@pytest.mark.golden
@pytest.mark.parametrize("name", REACHED)
def test_without_them(name, monkeypatch):
    recording(name, monkeypatch).compare(only=f"^(?!{REACHED[name]})", steps=1)
