"""Options of the [net] section: input size, training schedule, augmentation."""

from __future__ import annotations

from dataclasses import dataclass

from darkpy.cfg import opt

POLICIES = ("constant", "step", "steps", "exp", "poly", "sigmoid", "random", "sgdr")
SIDE = 1 << 16  # pixels: the largest width or height a cfg may ask for


@dataclass
class NetConfig:
    """[net]; an option left at None takes its value from others in `finish`."""

    batch: int = opt(1, low=1, high=1 << 20)
    subdivisions: int = opt(1, low=1, high=1 << 20)
    time_steps: int = opt(1, low=1, high=1 << 20)
    width: int = opt(0, low=0, high=SIDE)
    height: int = opt(0, low=0, high=SIDE)
    channels: int = opt(0, low=0, high=SIDE)
    inputs: int = opt(0, low=0, high=1 << 30)
    notruth: bool = opt(False)
    random: bool = opt(False)

    learning_rate: float = opt(0.001)
    momentum: float = opt(0.9)
    decay: float = opt(0.0001)
    clip: float = opt(0.0, low=0)
    adam: bool = opt(False)
    b1: float = opt(0.9, key="B1")
    b2: float = opt(0.999, key="B2")
    eps: float = opt(1e-7)
    policy: str = opt("constant", words=POLICIES)
    burn_in: int = opt(0, low=0)
    power: float = opt(4.0)
    max_batches: int = opt(0, low=0)
    step: int = opt(1)
    scale: float = opt(1.0)
    steps: list[int] = opt([])
    scales: list[float] = opt([])
    gamma: float = opt(1.0)
    learning_rate_min: float = opt(1e-5)  # this and the next two: a fork's policy=sgdr
    sgdr_cycle: int = opt(0, low=0)  # 0: max_batches
    sgdr_mult: int = opt(2, low=1, high=1 << 10)

    max_crop: int | None = opt(None, low=1, high=SIDE)
    min_crop: int | None = opt(None, low=1, high=SIDE)
    max_ratio: float | None = opt(None)
    min_ratio: float | None = opt(None)
    center: bool = opt(False)
    angle: float = opt(0.0)
    aspect: float = opt(1.0)
    saturation: float = opt(1.0)
    exposure: float = opt(1.0)
    hue: float = opt(0.0)
    flip: bool = opt(True)  # every second training image is mirrored (a fork's key)

    def finish(self) -> None:
        """Fill in what follows from other options (the original's defaults)."""
        if not self.inputs:
            self.inputs = self.width * self.height * self.channels
        if self.max_crop is None:
            self.max_crop = 2 * self.width
        if self.min_crop is None:
            self.min_crop = self.width
        if self.max_ratio is None:
            self.max_ratio = self.max_crop / self.width if self.width else 1.0
        if self.min_ratio is None:
            self.min_ratio = self.min_crop / self.width if self.width else 1.0

    def problems(self) -> list[tuple[str | None, str]]:
        """(key, message) of what does not fit together."""
        found: list[tuple[str | None, str]] = []
        if self.policy == "steps":
            if not self.steps or not self.scales:
                found.append(("policy", "policy=steps needs steps= and scales="))
            elif len(self.steps) != len(self.scales):
                numbers = f"{len(self.scales)} number{'s' if len(self.scales) > 1 else ''}"
                found.append(("scales", f"{numbers} in scales= for {len(self.steps)} in steps=: give one for each"))
        if self.policy in ("poly", "sgdr") and not self.max_batches and not (self.policy == "sgdr" and self.sgdr_cycle):
            found.append(("policy", f"policy={self.policy} needs max_batches="))
        if self.policy == "step" and self.step < 1:
            found.append(("step", f"step={self.step} must be at least 1"))
        sizes = [self.width, self.height, self.channels]
        if not self.inputs:
            missing = [k for k, v in zip(("width", "height", "channels"), sizes, strict=True) if not v]
            found.append((None, f"no input size: give {'=, '.join(missing)}= (or inputs= for rows of numbers)"))
        elif any(sizes) and self.inputs != sizes[0] * sizes[1] * sizes[2]:
            found.append(("inputs", f"inputs={self.inputs} is not width*height*channels = "
                                    f"{sizes[0] * sizes[1] * sizes[2]}: drop inputs="))
        if self.subdivisions > self.batch:
            found.append(("subdivisions", f"subdivisions={self.subdivisions} is more than batch={self.batch}: "
                                          "at least one image must be left in each part"))
        return found
