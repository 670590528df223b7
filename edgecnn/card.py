"""The records of a model folder's `card.json`: what the model is, how it was made and its scores.

A card may come from anywhere. Each record checks its own values, and `Card.from_json` their types.
"""

import json
import platform
import re
import sys
from dataclasses import dataclass, field, fields, is_dataclass, replace
from importlib import metadata
from math import isfinite
from typing import Any

from edgecnn.metrics import Accuracy
from edgecnn.preprocessing import Preprocessing
from edgecnn.selection import USUAL, Selection

# What no card exceeds.
MOST_BYTES = 10_000_000
MOST_DEPTH = 20  # levels of lists and objects
MOST_LABELS = 100_000
MOST_EXPORTS = 1000
LONGEST = 4096  # characters of a text, as of a path
LARGEST = 2**53  # beyond it, not every integer is a number of JSON
LARGEST_SIZE = 100_000  # pixels, in each dimension
DTYPES = ("uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")

SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class DataRecord:
    """The data set that a model was trained with.

    `name` is "mnist" or the path that the user gave; `sha256` is the hash of its contents. `train`, `validation` and
    `test` are numbers of images.
    """

    name: str
    sha256: str
    train: int
    validation: int
    test: int

    def __post_init__(self) -> None:
        _require_sha256(self.sha256)
        _require(min(self.train, self.validation, self.test) >= 0, "a number of images is negative")


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was trained.

    `limit` is the number of training images if the user limited it. `seconds` is the time of the epochs, evaluation
    included. `temperature` is what the logits were divided by. `teacher` names the model whose answers were learned
    beside the labels, if there was one.
    """

    recipe: str
    epochs: int
    batch_size: int
    seed: int
    limit: int | None
    seconds: float
    machine: str
    augmented: bool = False
    temperature: float = 1.0
    teacher: str = ""

    def __post_init__(self) -> None:
        _require(min(self.epochs, self.batch_size) >= 1, "epochs and batch_size are 1 or more")
        _require(isfinite(self.seconds) and self.seconds >= 0, f"seconds is {self.seconds}")
        _require(isfinite(self.temperature) and self.temperature > 0, f"temperature is {self.temperature}")


@dataclass(frozen=True)
class Epoch:
    """One complete epoch, which is a line of `history.csv`.

    `loss` and `accuracy` are means over the epoch's (augmented) training batches. `learning_rate` is that of its last
    step.
    """

    number: int
    learning_rate: float
    loss: float
    accuracy: float
    validation_loss: float
    validation_correct: int
    validation_images: int
    seconds: float

    def __post_init__(self) -> None:
        for name in ("learning_rate", "loss", "accuracy", "validation_loss", "seconds"):
            value = getattr(self, name)
            _require(isfinite(value) and value >= 0, f"{name} of epoch {self.number} is {value}")
        Accuracy("validation", self.validation_correct, self.validation_images)  # which checks the two

    @property
    def validation_accuracy(self) -> float:
        """The share of validation images labeled correctly, 0 to 1."""
        return self.validation_correct / self.validation_images


@dataclass(frozen=True)
class ExportRecord:
    """One ONNX file: what it is, and its scores.

    `max_difference` is the largest difference of its probabilities from the source model's, and `agreement` the share
    of images (0 to 1) that both label the same. `quantization` says how the file was made; it is empty for float32.
    `decision` says what else was tried, with the times of every round; it is empty if nothing was tried.
    """

    precision: str
    bytes: int
    sha256: str
    opset: int
    max_difference: float | None = None
    agreement: float | None = None
    accuracy: Accuracy | None = None
    quantization: dict[str, Any] = field(default_factory=dict)
    decision: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_sha256(self.sha256)
        _require(self.bytes >= 0 and self.opset >= 1, f"bytes is {self.bytes} and opset {self.opset}")
        _require(self.agreement is None or 0 <= self.agreement <= 1, f"agreement is {self.agreement}")
        _require(self.max_difference is None or self.max_difference >= 0, f"max_difference is {self.max_difference}")


@dataclass(frozen=True)
class Card:
    """A model folder's `card.json`: what the model is, how it was made and its scores.

    `labels` are the names of the classes. `input_shape` leaves out the batch; None is a dynamic dimension.
    `preprocessing` turns pixels into a float model's input; it is None for a uint8 model. `original_sha256` is the hash
    of the original that all of this is about; it is empty if unknown, as in a card of edgecnn 0.1. `selection` is what
    of the original was exported. `exports` maps a file's name to its record.
    """

    name: str
    labels: tuple[str, ...]
    input_shape: tuple[int | None, ...]
    input_dtype: str
    parameters: int
    preprocessing: Preprocessing | None = None
    original_sha256: str = ""
    selection: Selection = USUAL
    data: DataRecord | None = None
    training: TrainingRecord | None = None
    validation: Accuracy | None = None
    test: Accuracy | None = None
    versions: dict[str, str] = field(default_factory=dict)
    exports: dict[str, ExportRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(1 <= len(self.labels) <= MOST_LABELS, f"there are {len(self.labels)} labels")
        _require(1 <= len(self.input_shape) <= 5, f"input_shape has {len(self.input_shape)} dimensions")
        sizes = [size for size in self.input_shape if size is not None]
        _require(all(1 <= size <= LARGEST_SIZE for size in sizes), f"input_shape is {self.input_shape}")
        _require(self.input_dtype in DTYPES, f"input_dtype is {self.input_dtype[:20]!r}")
        _require(self.parameters >= 0, f"parameters is {self.parameters}")
        _require(len(self.exports) <= MOST_EXPORTS, f"there are {len(self.exports)} exports")
        _require(
            not any("/" in name or name in ("", ".", "..") for name in self.exports), "an export is not a file name"
        )
        if self.original_sha256:
            _require_sha256(self.original_sha256)

    def with_export(self, name: str, record: ExportRecord) -> "Card":
        """This card with one export added or replaced."""
        return replace(self, exports={**self.exports, name: record})

    def to_json(self) -> str:
        """The text of `card.json`. Every accuracy has its counts, its share and its interval."""
        return json.dumps(_plain(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Card":
        """Read what `to_json` wrote. Raises ValueError, with one line of what is wrong, for anything else."""
        import msgspec  # only those who read a card pay for the import

        try:
            raw = msgspec.json.decode(text)
            _require_bounded(raw)
            return msgspec.convert(_renamed(raw), cls)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


def _require_sha256(text: str) -> None:
    _require(SHA256.fullmatch(text) is not None, f"sha256 is {text[:70]!r}")


def _require_bounded(value: Any, depth: int = 0) -> None:
    """Check the size of everything in a value of JSON. Raises ValueError."""
    _require(depth <= MOST_DEPTH, "it is nested too deeply")
    if isinstance(value, str):
        _require(len(value) <= LONGEST, f"a text in it has more than {LONGEST:,} characters")
    elif isinstance(value, int):
        _require(abs(value) <= LARGEST, "a number in it is too large")
    elif isinstance(value, list | dict):
        for part in (*value, *value.values()) if isinstance(value, dict) else value:
            _require_bounded(part, depth + 1)


def _renamed(raw: Any) -> Any:
    """A card of edgecnn 0.1 calls the data set's name "source", and has one number as a float model's `input_scale`."""
    if not isinstance(raw, dict):
        return raw
    data, scale = raw.get("data"), raw.get("input_scale")
    if isinstance(data, dict) and "source" in data:
        raw = {**raw, "data": {"name": data["source"], **data}}
    if scale is not None and raw.get("input_dtype") != "uint8" and "preprocessing" not in raw:
        raw = {**raw, "preprocessing": {"scale": [scale], "offset": [0.0]}}
    return raw


def _plain(value: Any) -> Any:
    """A tree of plain values, with the share and the interval of each accuracy."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if not is_dataclass(value):
        return value
    tree = {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Accuracy):
        tree |= {"value": round(value.value, 6), "interval": [round(end, 6) for end in value.interval]}
    return tree


def versions(*packages: str) -> dict[str, str]:
    """The versions of Python and of those `packages` that say theirs, for a card."""
    found = {name: version for name in packages if (version := _version(name))}
    return {"python": platform.python_version()} | found


def _version(package: str) -> str | None:
    """The version of a distribution, or of whichever provides the module, as tensorflow-cpu provides tensorflow."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        providers = metadata.packages_distributions().get(package)
        own: str | None = getattr(sys.modules.get(package), "__version__", None)
        return metadata.version(providers[0]) if providers else own
