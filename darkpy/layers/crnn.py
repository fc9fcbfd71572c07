"""[crnn]: the recurrence of [rnn] on feature maps, its three inner layers being 3x3 convolutions that keep the size.

Unlike that of [rnn], the state starts at zero in each call of training.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkpy.cfg import opt
from darkpy.layers.base import LayerConfig, LayerProblem, NetInfo, need_map, register
from darkpy.layers.convolutional import Convolutional
from darkpy.layers.recurrent import Recurrent
from darkpy.layers.rnn import Rnn
from darkpy.ops.spec import ACTIVATIONS, Shape


@register("crnn")
class Crnn(Rnn):
    carries_in_training = False

    @dataclass
    class Config(LayerConfig):
        output_filters: int = opt(0, low=0)
        hidden_filters: int = opt(0, low=0)
        output: int = opt(0, low=0)  # a fork's names for the two
        hidden: int = opt(0, low=0)
        activation: str = opt("logistic", words=ACTIVATIONS)
        batch_normalize: bool = opt(False)
        shortcut: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        Recurrent.__init__(self, config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        for name in ("output", "hidden"):
            short, long = getattr(config, name), getattr(config, f"{name}_filters")
            if short and long and short != long:
                raise LayerProblem(f"{name}={short} and {name}_filters={long} are names of one thing: give one", name)
        filters = config.output_filters or config.output or 1
        hidden = config.hidden_filters or config.hidden or 1
        for inner, channels, n in (("input_layer", c, hidden), ("self_layer", hidden, hidden),
                                   ("output_layer", hidden, filters)):
            options = Convolutional.Config(filters=n, size=3, pad=True, activation=config.activation,
                                           batch_normalize=config.batch_normalize)
            self.add_inner(inner, Convolutional(options, [(channels, h, w)], net))
        self.state_shapes = {"h": (hidden, h, w)}
        self.out_shape = (filters, h, w)
