"""Data sets: what one is, and where it is read from."""

from edgecnn.data.dataset import Dataset, Split, chunks
from edgecnn.data.load import MNIST, load

__all__ = ["MNIST", "Dataset", "Split", "chunks", "load"]
