"""Errors darkpy raises for what comes from outside, each with the exit status the command line returns.

A message is one line: place, what was found, and how to mend it.  Anything that is not a DarkpyError is a bug of
darkpy's own and keeps its traceback.
"""


class DarkpyError(Exception):
    """Base of all errors a user can cause and mend."""

    exit_status = 1


class UsageError(DarkpyError):
    """The command line or the call is wrong: unknown option, missing argument, value out of range."""

    exit_status = 2


class ModelError(DarkpyError):
    """The model cannot be used."""

    exit_status = 3


class CfgError(ModelError):
    """One or more faults of a .cfg file; `problems` holds one line for each, all found in one pass."""

    def __init__(self, problems: "list[str] | str"):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class WeightsError(ModelError):
    """A .weights file does not hold what the network needs."""


class DataError(DarkpyError):
    """An image, list, label, names or tree file is missing or cannot be read."""

    exit_status = 4


class TrainingDiverged(DarkpyError):
    """The loss or a gradient stopped being a finite number."""

    exit_status = 5
