"""Small nets that between them need every kernel and every rule of the plan: text without [net], options of [net]."""

from __future__ import annotations

from typing import Any


def conv(filters: int, size: int = 1, activation: str = "leaky", **options: Any) -> str:
    options = {"pad": 1, "stride": 1} | options
    return f"[convolutional]\nfilters={filters}\nsize={size}\nactivation={activation}\n" + lines(options)


def section(name: str, **options: Any) -> str:
    return f"[{name}]\n" + lines({key.rstrip("_"): value for key, value in options.items()})


def lines(options: dict[str, Any]) -> str:
    return "".join(f"{key}={value}\n" for key, value in options.items())


NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "first layer only": (conv(7, 3, batch_normalize=1), {}),
    "winograd": (conv(33, 3) + conv(40, 3) + conv(17, 3, stride=2), {"width": 30, "height": 27}),
    "depthwise": (conv(20) + conv(20, 3, groups=20) + conv(20, 5, groups=20, stride=2) + conv(9), {"width": 13}),
    "groups": (conv(32) + conv(32, 3, groups=8) + conv(96, 3, groups=2) + conv(96, 3, groups=3)
               + conv(90, groups=3) + conv(10, groups=5), {}),
    "residual": (conv(24, 3) + conv(24, activation="linear") + section("shortcut", from_=-2, activation="leaky")
                 + conv(40, 3, stride=2, activation="linear") + section("shortcut", from_=-2, activation="relu")
                 + section("shortcut", from_=-4, activation="mish"), {}),
    "residual, fewer channels": (conv(40, 3) + conv(24, 3) + section("shortcut", from_=-2, activation="relu")
                                 + conv(3), {}),
    "residual, smaller": (conv(20, 3) + conv(40, 3, stride=2) + section("shortcut", from_=-2, activation="leaky")
                          + conv(16, 3, stride=2) + section("shortcut", from_=-2, activation="linear")
                          + section("shortcut", from_=-5, activation="relu") + conv(3), {"width": 24}),
    "residual of itself": (conv(24, 3) + section("shortcut", from_=-1, activation="leaky") + conv(3), {}),
    "dense": (conv(32, 3) + conv(32, 3) + section("route", layers="-1,-2") + conv(32, 3)
              + section("route", layers="-1,-2") + section("maxpool", size=2, stride=2) + conv(5), {}),
    "route of odd counts": (conv(20, 3) + conv(7) + section("route", layers="-1,-2,-1") + conv(18, 3)
                            + section("route", layers="-4,-1") + conv(3), {}),
    "route twice into one": (conv(32, 3) + section("route", layers="-1,-1") + conv(16) + section("route", layers="0,-1")
                             + section("route", layers="0,-1") + conv(5), {}),
    "groups of a route": (conv(64, 3) + section("route", layers="-1", groups=2, group_id=1) + conv(16, 3)
                          + section("route", layers="-1,-2") + section("route", layers="-1", groups=3, group_id=1)
                          + conv(4), {}),
    "pooling": (conv(20, 3) + section("maxpool", size=5, stride=1) + section("maxpool", size=2, stride=1)
                + section("maxpool", size=3, stride=2) + section("maxpool", size=2, stride=2, padding=0) + conv(3),
                {"width": 19, "height": 23}),
    "spatial pyramid": (conv(32) + "".join(section("maxpool", size=s, stride=1) + section("route", layers=-2 * i - 2)
                                           for i, s in enumerate((5, 9)))
                        + section("maxpool", size=13, stride=1) + section("route", layers="-1,-3,-5,-6") + conv(8), {}),
    "up and down": (conv(20, 3) + section("maxpool", size=2, stride=2) + conv(18, 3) + section("upsample", stride=2)
                    + section("route", layers="-1,0") + conv(6) + section("upsample", stride=3, scale=2)
                    + section("upsample", stride=-2), {}),
    "activations": ("".join(conv(19, 3, kind, batch_normalize=1) for kind in
                            ("logistic", "swish", "mish", "tanh", "elu", "gelu", "relu6", "hardtan", "ramp", "loggy")),
                    {}),
    "classifier": (conv(20, 3) + section("avgpool") + section("dropout") + section("softmax"), {}),
    "rows": (conv(6, 3) + section("connected", output=11, activation="relu", batch_normalize=1)
             + section("connected", output=5, activation="linear") + section("softmax"), {}),
    "normalised alone": (conv(20, 3, "linear") + section("batchnorm") + section("activation", activation="leaky")
                         + section("batchnorm") + conv(5), {}),
    "reorg": (conv(20, 3) + conv(16, 3, stride=2) + section("route", layers=-2) + conv(12) + section("reorg", stride=2)
              + section("route", layers="-1,-4") + conv(7), {}),
    "uneven strides": (conv(20, 3) + conv(18, 3, stride_x=2, stride_y=1) + conv(4, 5, stride_x=1, stride_y=3), {}),
    "signs": (conv(20, 3) + conv(18, 3, xnor=1, batch_normalize=1) + conv(18, 3, binary=1, batch_normalize=1)
              + conv(5), {}),
    "bits": (conv(64, 3) + conv(128, 3, xnor=1, batch_normalize=1) + conv(64, 5, xnor=1, batch_normalize=1)
             + section("maxpool", size=2, stride=2) + conv(90, 3, xnor=1, stride=2) + conv(40, 1, xnor=1)
             + conv(5), {"width": 30, "height": 27}),
    "bits, B-A-C-P": (conv(64, 3, "linear") + section("maxpool", size=2, stride=2) + section("batchnorm")
                      + conv(128, 3, "linear", xnor=1) + section("maxpool", size=3, stride=1) + section("batchnorm")
                      + conv(64, 1, "linear", xnor=1) + section("batchnorm")
                      + conv(130, 3, "linear", xnor=1, dilation=2) + section("batchnorm") + conv(7, 1, "linear"),
                      {"width": 19, "height": 22}),
    "bits and a residual": (conv(70, 3) + section("batchnorm") + conv(70, 3, "relu", xnor=1)
                            + section("shortcut", from_=-3, activation="leaky") + section("batchnorm")
                            + conv(70, 3, "linear", xnor=1, pad=0, padding=2)
                            + conv(70, 3, "linear", xnor=1, pad=0) + section("shortcut", from_=-4, activation="linear")
                            + conv(64, 3, xnor=1, groups=2) + conv(9, 1, xnor=1), {}),
    "bits of weights": (conv(20, 3, binary=1) + conv(130, 3, binary=1, batch_normalize=1) + conv(33, 1, binary=1)
                       + conv(40, 3, "linear", binary=1, stride=2) + section("shortcut", from_=-1)
                       + conv(32, 3, "linear", xnor=1, abits=2, alpha="learned", center=1)
                       + conv(32, 3, binary=1, alpha="none", groups=2) + conv(20, 1, binary=1, wbits=2), {}),
    "bits and input scales": (conv(20, 3) + section("batchnorm") + conv(64, 3, xnor=1, beta=1, batch_normalize=1)
                              + conv(64, 2, "linear", xnor=1, beta=1, stride=2)
                              + section("maxpool", size=2, stride=2) + section("batchnorm")
                              + conv(33, 3, "linear", xnor=1, xnor_mode="paper", dilation=2)
                              + conv(33, 3, xnor=1, beta=1, groups=3) + conv(7, 1, "linear"),
                              {"width": 19, "height": 22}),
    "few bits": (conv(9, 1, "linear", xnor=1) + conv(17, 3, "linear", xnor=1) + section("route", layers="-1,-2")
                 + conv(33, 3, xnor=1, stride_x=2, stride_y=1) + conv(33, 2, xnor=1, pad=0) + conv(64, 4, xnor=1)
                 + conv(64, 3, xnor=1) + section("avgpool"), {"width": 5, "height": 4}),
    "kinds without a kernel": (section("crop", crop_height=14, crop_width=13) + conv(20, 3)
                               + section("normalization", size=3) + section("local", filters=6, size=3, pad=1,
                                                                            activation="leaky")
                               + section("deconvolutional", filters=5, size=3, stride=2)
                               + section("l2norm") + conv(4, 3), {"width": 14}),
    "heads": (conv(32, 3) + conv(16) + section("yolo", mask="0,1", anchors="1,2,3,4", classes=3, num=2)
              + section("route", layers=-3) + conv(14) + section("region", anchors="1,2,3,4", classes=2, num=2,
                                                                 coords=4, softmax=1), {}),
    "large window": (conv(20, 3) + conv(20, 7, dilation=2) + conv(5, 5, stride=4), {"width": 24, "height": 21}),
    "one pixel": (conv(20, 3) + conv(33, 3) + conv(3), {"width": 1, "height": 1}),
    "padding beyond the image": (conv(20) + conv(17, 3, pad=0, padding=3) + conv(20, 1, pad=0, padding=2)
                                 + conv(6, 2, pad=0, padding=1, stride=3), {"width": 3, "height": 2}),
}
