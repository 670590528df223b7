"""The records of a model folder's `card.json`: what the model is, how it was made and its scores."""

import json
import platform
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from typing import Any

from edgecnn.metrics import Accuracy


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


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was trained.

    `limit` is the number of training images if the user limited it. `seconds` is the time of the epochs, evaluation
    included. `temperature` is what the logits were divided by.
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


@dataclass(frozen=True)
class Card:
    """A model folder's `card.json`: what the model is, how it was made and its scores.

    `labels` are the names of the classes. `input_shape` leaves out the batch; None is a dynamic dimension. A float
    model's pixels, 0 to 255, are multiplied by `input_scale`; it is 1 for a uint8 model. `exports` maps a file's name
    to its record.
    """

    name: str
    labels: tuple[str, ...]
    input_shape: tuple[int | None, ...]
    input_dtype: str
    parameters: int
    input_scale: float = 1.0
    data: DataRecord | None = None
    training: TrainingRecord | None = None
    validation: Accuracy | None = None
    test: Accuracy | None = None
    versions: dict[str, str] = field(default_factory=dict)
    exports: dict[str, ExportRecord] = field(default_factory=dict)

    def with_export(self, name: str, record: ExportRecord) -> "Card":
        """This card with one export added or replaced."""
        return replace(self, exports={**self.exports, name: record})

    def to_json(self) -> str:
        """The text of `card.json`. Every accuracy has its counts, its share and its interval."""
        return json.dumps(_with_shares(asdict(self)), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        raw = json.loads(text)
        exports = {
            name: ExportRecord(**{**record, "accuracy": _accuracy(record["accuracy"])})
            for name, record in raw["exports"].items()
        }
        return cls(
            **{
                **raw,
                "labels": tuple(raw["labels"]),
                "input_shape": tuple(raw["input_shape"]),
                "data": raw["data"] and _data(raw["data"]),
                "training": raw["training"] and TrainingRecord(**raw["training"]),
                "validation": _accuracy(raw["validation"]),
                "test": _accuracy(raw["test"]),
                "exports": exports,
            }
        )


def _data(raw: dict[str, Any]) -> DataRecord:
    """Read a data record. A card of edgecnn 0.1 has the name under "source"."""
    name = raw["name"] if "name" in raw else raw["source"]
    return DataRecord(name, **{key: value for key, value in raw.items() if key not in ("name", "source")})


def _accuracy(raw: dict[str, Any] | None) -> Accuracy | None:
    return Accuracy(raw["split"], raw["correct"], raw["images"]) if raw else None


def _with_shares(value: Any) -> Any:
    """Add the share and the interval to each accuracy in a tree of plain values."""
    if not isinstance(value, dict):
        return value
    tree = {key: _with_shares(item) for key, item in value.items()}
    if set(tree) == {"split", "correct", "images"}:
        score = Accuracy(**tree)
        tree |= {"value": round(score.value, 6), "interval": [round(end, 6) for end in score.interval]}
    return tree


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of Python and `packages`, for a card."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in packages}
