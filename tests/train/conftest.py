"""Trainings are run from the command line, too."""

from tests.cli.run import darkpy

__all__ = ["darkpy"]
