"""What a model is, how it was made and what it scored: the records of a folder's `card.json`."""

import json
import platform
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from typing import Any

from edgecnn.metrics import Accuracy


@dataclass(frozen=True)
class DataRecord:
    """Which data a model was made with. `name` is "mnist" or the path that was given; `sha256` is of its contents."""

    name: str
    sha256: str
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was trained.

    `seconds` is the time of the epochs, evaluation included; `temperature` is what its logits were divided by.
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
    """One complete epoch, a line of `history.csv`.

    Training figures are means over its (distorted) batches; `learning_rate` is its last.
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
        return self.validation_correct / self.validation_images


@dataclass(frozen=True)
class ExportRecord:
    """One ONNX file: what it is and what it scored.

    `quantization` says how it was made, and is empty for float32. `decision` says what else was tried, with every
    round's times, and is empty before anything was.
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
    """What a model is, how it was made and what it scored: the folder's `card.json`.

    `input_scale` is what a float model's pixels, 0 to 255, are multiplied by; 1 for a uint8 model.
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
        """The card as `card.json` holds it; every accuracy carries its share and interval as well as its counts."""
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
    """A card of edgecnn 0.1 calls the name a source."""
    name = raw["name"] if "name" in raw else raw["source"]
    return DataRecord(name, **{key: value for key, value in raw.items() if key not in ("name", "source")})


def _accuracy(raw: dict[str, Any] | None) -> Accuracy | None:
    return Accuracy(raw["split"], raw["correct"], raw["images"]) if raw else None


def _with_shares(value: Any) -> Any:
    """Add share and interval to each accuracy in a tree of plain values."""
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
