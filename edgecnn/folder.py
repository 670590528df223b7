"""The only place that names files: the model folder, its card, how models are found, and how files are written."""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from edgecnn.errors import ModelError, OutputError
from edgecnn.score import Accuracy

MODELS = Path("models")
ONNX_NAMES = {
    "float32": "model.onnx",
    "int8": "model.int8.onnx",
    "int8-x86-64": "model.int8.x86-64.onnx",
    "int8-arm64": "model.int8.arm64.onnx",
    "dynamic": "model.dynamic.onnx",
    "float16": "model.fp16.onnx",
}
ORIGINAL_NAMES = ("model.keras", "model.h5", "saved_model")

# In a wheel the published models and measured results lie inside the package, in a checkout beside it.
_PACKAGE = Path(__file__).parent
SHIPPED = _PACKAGE / "shipped" if (_PACKAGE / "shipped").is_dir() else _PACKAGE.parent
PUBLISHED_MODELS = SHIPPED / "models"
PUBLISHED_RESULTS = SHIPPED / "benchmarks" / "results" / "published.json"
SEEDS_RESULTS = PUBLISHED_RESULTS.with_name("seeds.json")


@dataclass(frozen=True)
class DataRecord:
    """Which data a model was made with. `source` is "mnist" or the path that was given; `sha256` is of its contents."""

    source: str
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
                "data": raw["data"] and DataRecord(**raw["data"]),
                "training": raw["training"] and TrainingRecord(**raw["training"]),
                "validation": _accuracy(raw["validation"]),
                "test": _accuracy(raw["test"]),
                "exports": exports,
            }
        )


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


@dataclass(frozen=True)
class ModelFolder:
    """One model and all that belongs to it."""

    path: Path

    @property
    def keras(self) -> Path:
        """The original as training writes it."""
        return self.path / "model.keras"

    @property
    def card_path(self) -> Path:
        return self.path / "card.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def curves(self) -> Path:
        return self.path / "training.png"

    @property
    def confusion(self) -> Path:
        """Which labels were taken for which, drawn."""
        return self.path / "confusion.png"

    @property
    def errors(self) -> Path:
        """The test images that were labelled wrong."""
        return self.path / "errors.png"

    @property
    def filters(self) -> Path:
        """The first convolution's kernels, and what each layer makes of one image."""
        return self.path / "filters.png"

    @property
    def checkpoint(self) -> Path:
        """What `--resume` needs; it goes when training is complete."""
        return self.path / "checkpoint.npz"

    def original(self) -> Path | None:
        """The TensorFlow model the ONNX files were made from, if it is here."""
        return next((self.path / name for name in ORIGINAL_NAMES if (self.path / name).exists()), None)

    def onnx(self, precision: str) -> Path:
        return self.path / ONNX_NAMES[precision]

    def onnx_files(self) -> list[Path]:
        """Every ONNX file here, float32 first."""
        return [path for path in map(self.onnx, ONNX_NAMES) if path.exists()]

    def card(self) -> Card | None:
        """The folder's card, or None where there is none. Raises ModelError if it cannot be read."""
        if not self.card_path.exists():
            return None
        try:
            return Card.from_json(self.card_path.read_text(encoding="utf-8"))
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise ModelError(
                f"{self.card_path} is not a card of edgecnn ({error}): remove it or export again"
            ) from None

    def write_card(self, card: Card) -> None:
        with atomic(self.card_path) as path:
            path.write_text(card.to_json(), encoding="utf-8")

    def prepare(self) -> None:
        """Make the folder and try a write, so that long work does not find out at its end. Raises OutputError."""
        probe = self.path / ".edgecnn-probe"  # no name that a file of the user's has
        with _telling_what_cannot_be_written(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                probe.write_bytes(b"\0" * 4096)
            finally:
                with suppress(OSError):
                    probe.unlink()


def default_folder(name: str) -> ModelFolder:
    """`models/<name>` under the current directory: where every command reads and writes unless told otherwise."""
    return ModelFolder(MODELS / name)


def find(model: str | Path) -> Path:
    """The folder or file that `model` names: a path, a folder under `models/` here, or a published model.

    Raises ModelError with what there is to choose from.
    """
    for candidate in (Path(model), MODELS / model, PUBLISHED_MODELS / model):
        if candidate.exists():
            return candidate
    names = ", ".join(sorted(published())) or "none"
    raise ModelError(
        f"{model} is no file, no folder and no published model (published: {names}): "
        "check the name, or run 'edgecnn train' first"
    )


def find_onnx(model: str | Path) -> Path:
    """The ONNX file that `model` names; a folder stands for its `model.onnx`. Raises ModelError."""
    path = find(model)
    if path.is_dir():
        path = ModelFolder(path).onnx("float32")
        if not path.exists():
            raise ModelError(f"{path.parent} holds no {path.name}: run 'edgecnn export {path.parent}' first")
    if path.suffix != ".onnx":
        raise ModelError(f"{path} is not an .onnx file: run 'edgecnn export {path}' first")
    return path


def published() -> list[str]:
    """The names of the published models."""
    return [path.parent.name for path in PUBLISHED_MODELS.glob("*/card.json")]


def optimized_model(sha256: str, fingerprint: str, onnxruntime: str) -> Path:
    """Where the graph of the model with that content is kept as that onnxruntime optimised it for that host.

    The user's cache, as the XDG Base Directory Specification places it: a relative XDG_CACHE_HOME is to be ignored.
    Raises OutputError for a user who has no home.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        cache = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise OutputError(f"there is no place for a cache ({error}): set XDG_CACHE_HOME") from None
    return cache / "edgecnn" / "optimized" / f"{sha256}.{fingerprint}.onnxruntime-{onnxruntime}.onnx"


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it, whole and synced, if the body succeeds.

    The suffix is kept because Keras and matplotlib choose their format by it. Raises OutputError for what the operating
    system refuses; whatever happens, an earlier file stays as it was.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    with _telling_what_cannot_be_written(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):  # tidying up after a failure that is already on its way to the user
                temporary.unlink(missing_ok=True)


def require_writable(path: Path) -> None:
    """Find out now whether a file can be written there later. Raises OutputError."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; choose another place")
    ModelFolder(path.parent).prepare()


def copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder with all that is in it, whole or not at all. Raises OutputError."""
    if source.is_file():
        with atomic(target) as temporary:
            shutil.copyfile(source, temporary)
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    with _telling_what_cannot_be_written(target):
        try:
            shutil.copytree(source, beside)
            shutil.rmtree(target, ignore_errors=True)
            beside.replace(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _telling_what_cannot_be_written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0] or type(error).__name__
        raise OutputError(f"cannot write {path}: {reason}; free space or choose another place") from error


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of Python and `packages`, for a card."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in packages}


def size(path: Path) -> int:
    """The bytes of a file, or of a folder's files."""
    return sum(part.stat().st_size for part in (path, *path.rglob("*")) if part.is_file())


def sha256(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's files in name order."""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
