"""Which models the page can run itself, told without running any JavaScript."""

from os import fstat
from pathlib import Path

from edgecnn.errors import ModelError
from edgecnn.files import open_regular
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.file_check import OP_TYPE, SCHEMA
from edgecnn.runtime.metadata import DIGIT
from edgecnn.runtime.protobuf import walk
from edgecnn.runtime.treatment import treatment_of

# As in assets/operators.js: what the shipped networks need.
OPERATORS = frozenset(
    {"Cast", "Conv", "DequantizeLinear", "Flatten", "Gemm", "MaxPool", "QuantizeLinear", "Relu", "Reshape", "Softmax"}
    | {"Transpose"}
)
MOST_BYTES = 16 * 2**20  # of a model that a browser loads


def missing_operators(path: Path) -> list[str]:
    """The operators of an ONNX file that the page cannot run. Raises OSError, and ValueError for a damaged file."""
    with open_regular(path) as file:
        found = walk(file, fstat(file.fileno()).st_size, SCHEMA, "model")
        return sorted({str(value) for kind, number, value in found if (kind, number) == OP_TYPE} - OPERATORS)


def is_runnable(classifier: Classifier) -> bool:
    """Whether the page can run the model on its own, which shows its feature maps."""
    try:
        require_runnable(classifier)
    except ModelError:
        return False
    return True


def require_runnable(classifier: Classifier) -> None:
    """Raise ModelError for a model that the page cannot run, or whose pictures it cannot treat."""
    path, taken = classifier.path, classifier.input
    missing = missing_operators(path)
    if missing:
        raise ModelError(
            f"{path} uses {', '.join(missing)}, which the page does not run: give a network of edgecnn's recipes, or "
            "serve it with 'edgecnn serve'"
        )
    treated = taken.layout is not None and treatment_of(classifier.metadata, classifier.labels, taken.image_size)
    if taken.dtype != "uint8" or len(taken.shape) != 2 or treated != DIGIT or classifier.is_foreign:
        raise ModelError(
            f"{path} takes {taken} and has {len(classifier.labels)} labels: the page runs networks of edgecnn for "
            "digits of 28×28 pixels; serve this one with 'edgecnn serve'"
        )
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(f"{path} has more than {MOST_BYTES:,} bytes, which a page does not load: give a smaller one")
