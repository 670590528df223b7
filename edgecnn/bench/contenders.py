"""What is measured: each runtime and way of a model folder, as plain data that a worker process can be given."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from edgecnn.errors import BenchError
from edgecnn.folder import ONNX_NAMES, Card, ModelFolder, find
from edgecnn.interface import PIXEL_SCALE

Way = Literal["predict", "model(x)", "tf.function", "onnxruntime"]
TENSORFLOW_WAYS: tuple[Way, ...] = ("predict", "model(x)", "tf.function")
MISSING_TENSORFLOW = (
    "TensorFlow is not installed, so the original model is not measured: pip install 'edgecnn[train]' adds it"
)


@dataclass(frozen=True)
class Contender:
    """One way of running one file, with one setting.

    `model` is the path of the folder or file it was entered by; `scale` what a float model's pixels are multiplied by.
    """

    model: str
    name: str
    way: Way
    file: Path
    threads: int
    batch: int
    scale: float

    @property
    def is_tensorflow(self) -> bool:
        return self.way in TENSORFLOW_WAYS


@dataclass(frozen=True)
class Entry:
    """One model on the start list: its contenders, its card if it has one, and what could not be measured."""

    model: str
    contenders: tuple[Contender, ...]
    card: Card | None
    missing: tuple[str, ...]


def enter(model: str | Path, threads: int, batch: int) -> Entry:
    """The contenders of a model folder, or of one .onnx file. Raises ModelError, BenchError if there are none."""
    path = find(model)
    folder = ModelFolder(path if path.is_dir() else path.parent)
    card = folder.card()
    if card and path.is_file() and path.name not in card.exports:
        card = None  # a neighbour's
    scale = card.input_scale if card else PIXEL_SCALE

    def contender(label: str, way: Way, file: Path) -> Contender:
        return Contender(str(path), label, way, file, threads, batch, scale)

    files = folder.onnx_files() if path.is_dir() else [path]
    onnx = [contender(f"onnxruntime {_precision(file)}", "onnxruntime", file) for file in files]
    original = folder.original() if path.is_dir() else None
    missing: tuple[str, ...] = ()
    tensorflow: list[Contender] = []
    if original and find_spec("tensorflow") is None:
        missing = (MISSING_TENSORFLOW,)
    elif original:
        ways = TENSORFLOW_WAYS if original.is_file() else ("tf.function",)  # a SavedModel has but the one
        tensorflow = [contender(f"TensorFlow {way}", way, original) for way in ways]
    if not onnx and not tensorflow:
        raise BenchError(f"{path} holds nothing to measure: run 'edgecnn train' and 'edgecnn export' first")
    if original and not onnx:
        missing += (f"{path} holds no ONNX file: run 'edgecnn export {path} --quantize' to compare",)
    return Entry(str(path), (*tensorflow, *onnx), card, missing)


def _precision(file: Path) -> str:
    """What a file of a model folder is, by its name; any other file's own name."""
    return next((precision for precision, name in ONNX_NAMES.items() if name == file.name), file.stem)
