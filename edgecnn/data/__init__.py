"""Data sets: their form, and how they are read."""

from edgecnn.data.dataset import Dataset, Split
from edgecnn.data.load import MNIST, load

__all__ = ["MNIST", "Dataset", "Split", "load"]
