"""Every test of the command line may ask for `darkpy`, which runs it in this process."""

from tests.cli.run import darkpy

__all__ = ["darkpy"]
