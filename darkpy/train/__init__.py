"""Training: the loop over batches, its checkpoints, its log and charts."""

from darkpy.train.checkpoint import CheckpointError
from darkpy.train.loop import Options, Trainer

__all__ = ["CheckpointError", "Options", "Trainer"]
