"""Which file of a model folder is called what, and how a model's name becomes a path."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import files
from edgecnn.errors import ModelError, UsageError
from edgecnn.files import atomic, prepare_folder
from edgecnn.scratch import sweep
from edgecnn.transaction import Transaction, roll_forward, transaction

if TYPE_CHECKING:
    from edgecnn.card import Card

MODELS = Path("models")
DEFAULT = "edge"  # the recipe and the model that commands take unless told otherwise
ONNX_NAMES = {
    "float32": "model.onnx",
    "int8": "model.int8.onnx",
    "int8-x86-64": "model.int8.x86-64.onnx",
    "int8-arm64": "model.int8.arm64.onnx",
    "dynamic": "model.dynamic.onnx",
    "float16": "model.fp16.onnx",
}
VERDICTS = "verdicts"  # the folder of the user's cache that says which files are the fastest here
# What a model brings along in a bundle: test and calibration images, and what TensorFlow made of them and how fast.
IMAGES, RECORD, SCORES = "images.npz", "original.json", "original.npy"
BUNDLE_SUFFIX = ".edgecnn.zip"  # as `bundle` writes it; whatever ends with .zip is taken for a bundle
ORIGINAL_NAMES = ("model.keras", "model.h5", "saved_model")

# In a wheel the shipped models and measured results lie inside the package, in a checkout beside it.
_PACKAGE = Path(__file__).parent
SHIPPED = _PACKAGE / "shipped" if (_PACKAGE / "shipped").is_dir() else _PACKAGE.parent
SHIPPED_MODELS = SHIPPED / "models"
REFERENCE_RESULTS = SHIPPED / "benchmarks" / "results" / "reference_recipes.json"
SEEDS_RESULTS = REFERENCE_RESULTS.with_name("seeds.json")


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
        """The test images that were labeled wrong."""
        return self.path / "errors.png"

    @property
    def filters(self) -> Path:
        """The first convolution's kernels, and what each layer makes of one image."""
        return self.path / "filters.png"

    @property
    def checkpoint(self) -> Path:
        """What `--resume` needs; it goes when training is complete."""
        return self.path / "checkpoint.npz"

    @property
    def images(self) -> Path:
        """The test and calibration images that came with a bundle."""
        return self.path / IMAGES

    @property
    def record(self) -> Path:
        """What was measured of the original where the bundle was made."""
        return self.path / RECORD

    @property
    def scores(self) -> Path:
        """What the original returned for the test images of the bundle."""
        return self.path / SCORES

    def brought(self) -> list[Path]:
        """What came with a bundle beside the model."""
        return [path for path in (self.images, self.record, self.scores) if path.exists()]

    def original(self) -> Path | None:
        """The TensorFlow model the ONNX files were made from, if it is here."""
        return next((self.path / name for name in ORIGINAL_NAMES if (self.path / name).exists()), None)

    def onnx(self, precision: str) -> Path:
        return self.path / ONNX_NAMES[precision]

    def of_precisions(self, *wanted: str) -> list[Path]:
        """The ONNX files here that have one of these precisions, float32 first."""
        return [path for path in map(self.onnx, (name for name in ONNX_NAMES if name in wanted)) if path.exists()]

    def onnx_files(self) -> list[Path]:
        """Every ONNX file here, float32 first."""
        return [path for path in map(self.onnx, ONNX_NAMES) if path.exists()]

    def card(self) -> "Card | None":
        """The folder's card, or None where there is none. Raises ModelError if it cannot be read."""
        if not self.card_path.exists():
            return None
        from edgecnn import card  # which imports numpy: half of the time that --help takes

        try:
            return card.Card.from_json(files.read_bytes(self.card_path, card.MOST_BYTES))
        except (ValueError, OSError) as error:
            raise ModelError(
                f"{self.card_path} is not a card of edgecnn ({error}): remove it, then export again"
            ) from None

    def card_of(self, path: Path) -> "Card | None":
        """The card if it is about that very file of this folder, by name and hash; None if it is about others.

        A card of edgecnn 0.1 does not have its original's hash, and is about any. Raises ModelError if the file was
        replaced since the card was written, because labels and scores would be wrong. A third-party original may be
        saved anew at any time: then there is no card, and export writes another.
        """
        card = self.card()
        if card is None or (path.name not in card.exports and path.name not in ORIGINAL_NAMES):
            return None
        if self._fits(card, path):
            return card
        if path.name in ORIGINAL_NAMES and card.training is None:
            return None
        again = "train" if path.name in ORIGINAL_NAMES else "export"
        raise ModelError(
            f"{self.card_path} is about another {path.name} than the one beside it: {again} again, "
            "or remove the card if you replaced the file yourself"
        )

    def card_note(self, path: Path) -> str | None:
        """What to tell of a file of this folder that its card is not about, or of a card that cannot be read."""
        try:
            card = self.card()
        except ModelError as error:
            return str(error)
        if card is None or path not in self.undescribed(card):
            return None
        return (
            f"{self.card_path} is about another {path.name} than this one, so its labels and scores may be wrong: "
            "train or export again"
        )

    def undescribed(self, card: "Card") -> tuple[Path, ...]:
        """The files here that the folder's card is not about: their hashes differ, or it does not list them."""
        original = self.original()
        return tuple(
            path for path in (*([original] if original else ()), *self.onnx_files()) if not self._fits(card, path)
        )

    def _fits(self, card: "Card", path: Path) -> bool:
        if path.name in ORIGINAL_NAMES:
            return card.original_sha256 in ("", files.sha256(path))
        return path.name in card.exports and card.exports[path.name].sha256 == files.sha256(path)

    def write_card(self, card: "Card") -> None:
        with atomic(self.card_path, follow=False) as path:
            path.write_text(card.to_json(), encoding="utf-8")

    @contextmanager
    def changing(self) -> Iterator["Staged"]:
        """Yield where to write new files of this folder, which all take their places in one step if the body succeeds.

        Raises OutputError.
        """
        with transaction(self.path) as change:
            yield Staged(change.path, change)

    def prepare(self) -> None:
        """Make the folder, and find out now whether it can be written. Raises OutputError."""
        prepare_folder(self.path)


@dataclass(frozen=True)
class Staged(ModelFolder):
    """The new files of a model folder before they take their places."""

    change: Transaction

    def remove(self, path: Path) -> None:
        """Delete a file of the model folder in the same step."""
        self.change.remove(path)


def default_folder(name: str) -> ModelFolder:
    """`models/<name>` under the current directory: where every command reads and writes unless told otherwise."""
    return ModelFolder(MODELS / name)


def default_model() -> ModelFolder:
    """What commands work on when no model is given: the one trained in `models/edge` here, else the shipped `edge`."""
    here = default_folder(DEFAULT)
    _settle(here.path)
    return here if here.original() or here.onnx_files() else ModelFolder(SHIPPED_MODELS / DEFAULT)


def find(model: str | Path) -> Path:
    """The folder or file that `model` names: a path, a folder under `models/` here, or a shipped model.

    An interrupted change of the folder is finished first. Raises UsageError for a name that no model has, with what
    there is to choose from, ModelError for a path to nothing, and OutputError if the change cannot be finished.
    """
    for candidate in (Path(model), MODELS / model, SHIPPED_MODELS / model):
        if candidate.exists():
            _settle(candidate if candidate.is_dir() else candidate.parent)
            return candidate
    if _is_name(model):
        raise UsageError(_unknown(str(model)))
    raise ModelError(f"{model} does not exist: check the path, or run 'edgecnn train' first")


def _settle(folder: Path) -> None:
    """Finish the change of a folder that a kill has interrupted, and delete what it left unfinished."""
    roll_forward(folder)
    sweep(folder)


def find_onnx(model: str | Path) -> Path:
    """The ONNX file that `model` names; a folder stands for its `model.onnx`. Raises UsageError, ModelError."""
    path = find(model)
    if path.is_dir():
        path = ModelFolder(path).onnx("float32")
        if not path.exists():
            raise ModelError(f"{path.parent} holds no {path.name}: run 'edgecnn export {path.parent}' first")
    if path.suffix == Path(BUNDLE_SUFFIX).suffix:
        raise ModelError(f"{path} is a bundle: run 'edgecnn install {path}' first")
    if path.suffix != ".onnx":
        raise ModelError(f"{path} is not an .onnx file: run 'edgecnn export {path}' first")
    return path


def shipped() -> list[str]:
    """The names of the shipped models."""
    return sorted(path.parent.name for path in SHIPPED_MODELS.glob("*/card.json"))


def _is_name(model: str | Path) -> bool:
    """Whether it is one word, without a folder or a suffix."""
    return Path(model).name == str(model) and not Path(model).suffix


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, shipped(), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"there is no model {name!r}: {hint}the shipped models are {', '.join(shipped()) or 'missing'}; "
        "give one of them or a path, or run 'edgecnn train' first"
    )
