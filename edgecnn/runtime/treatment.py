"""Which treatment a picture gets for a model: the digit in it brought into MNIST's form, or resizing alone."""

from collections.abc import Sequence

from edgecnn.origin import Origin
from edgecnn.runtime.metadata import DIGIT, SCALE, ModelMetadata

MNIST, SIZE, DIGITS = "mnist", (28, 28, False), tuple("0123456789")


def treatment_for(dataset: Origin | None, labels: Sequence[str], size: tuple[int, int, bool]) -> str:
    """DIGIT for a network of MNIST's form that was trained on MNIST, or on data that is not known; otherwise SCALE.

    `size` is the height and width of an image in pixels, and whether it is in color.
    """
    is_mnist = dataset is None or dataset.name == MNIST
    return DIGIT if is_mnist and size == SIZE and tuple(labels) == DIGITS else SCALE


def treatment_of(metadata: ModelMetadata, labels: Sequence[str], size: tuple[int, int, bool]) -> str:
    """DIGIT or SCALE as the file's metadata says; if it says nothing, as `treatment_for` judges."""
    return metadata.treatment or treatment_for(metadata.dataset, labels, size)
