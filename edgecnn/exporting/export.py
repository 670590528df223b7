"""[onnx; TensorFlow for its models] `export`: makes a verified ONNX file of a model and updates the card."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn import files
from edgecnn import folder as folders
from edgecnn.card import Card, ExportRecord
from edgecnn.data import Dataset, Split
from edgecnn.data.provenance import find_dataset, origin_of
from edgecnn.errors import EdgecnnError, ExportError, UsageError
from edgecnn.exporting import records
from edgecnn.exporting.isolated import open_isolated
from edgecnn.exporting.onnx_file import OnnxFile, open_onnx
from edgecnn.exporting.pixels import recognized
from edgecnn.exporting.source import Source
from edgecnn.exporting.verify import (
    Comparison,
    allowed_difference,
    compare,
    require_equal,
    verification_images,
)
from edgecnn.folder import ModelFolder, Staged
from edgecnn.graph.describe import opset_of, weighted_layers
from edgecnn.graph.graph import onnx_module
from edgecnn.graph.outputs import return_probabilities
from edgecnn.metrics import Accuracy, accuracy
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.recognition import Recognized
from edgecnn.runtime.scores import Scores, classes_of, to_probabilities
from edgecnn.selection import USUAL, Selection

DEFAULT_OPSET = 17
# What a model returns instead of probabilities, and what was added.
ADDED: dict[Scores, str] = {
    "logits": "logits; a Softmax was added",
    "percent": "percentages; a division by 100 was added",
    "log-probabilities": "logarithms of probabilities; an Exp was added",
    "one": "one probability; that of the other class was added",
    "one logit": "one logit; a Sigmoid and the other class were added",
}


@dataclass(frozen=True)
class Exported:
    """A verified float32 ONNX file, with the folder's card and the file's record in it.

    `comparison` compares its answers with the original's on the images that `verified_on` names. `notes` tell what had
    to be assumed.
    """

    path: Path
    card: Card
    record: ExportRecord
    comparison: Comparison
    verified_on: str
    notes: tuple[str, ...]


def export(
    model: str | Path,
    *,
    out: Path | None = None,
    data: str | Path | None = None,
    opset: int = DEFAULT_OPSET,
    tolerance: float | None = None,
    preprocess: Preprocessing | None = None,
    signature: str | None = None,
    output: str | None = None,
) -> Exported:
    """Make a described ONNX file of a model, compare the two on real images, and write the file and the card.

    `model` is a TensorFlow model, which becomes `model.onnx`, or an ONNX file of another tool: its copy says how it
    wants its pixels, returns probabilities and keeps its opset.
    `out` is the model folder to write into. `data` defaults to the data set that the model was trained with, or to
    MNIST if the model takes such images; without a data set, random images are compared. `tolerance` is
    how far a probability may differ; by default it is what rounding to float32 explains.
    `preprocess` says how a float model wants its pixels; by default it is chosen by log loss on validation images.
    `signature` is the name of one of a SavedModel's signatures, and `output` that of one of several outputs; both
    default to what the card says. Raises ModelError, ExportError, VerificationError, DataError, UsageError,
    MissingDependencyError and OutputError. Nothing is written if it raises.
    """
    source = _source_in(folders.find(model))
    folder = folder_for(model, source, out)
    card = ModelFolder(source.parent).card_of(source) if source.name in folders.ORIGINAL_NAMES else None
    wanted = _wanted(card, signature, output)
    is_onnx = source.suffix == ".onnx"
    original: Source = _foreign(source, folder, wanted) if is_onnx else open_isolated(source, wanted)
    if card and card.selection != original.selection:
        card = None  # it is about another part of the model
    classes, labels = classes_of(original.outputs), card.labels if card else ()
    dataset = find_dataset(origin_of(card), data, original.input, classes, labels=labels)
    return write(original, Request(folder, dataset, preprocess, opset, tolerance), card)


@dataclass(frozen=True)
class Request:
    """The folder to write into, the data to judge by, and what the user says of the model."""

    folder: ModelFolder
    dataset: Dataset | None
    preprocess: Preprocessing | None
    opset: int = DEFAULT_OPSET
    tolerance: float | None = None


def write(original: Source, request: Request, card: Card | None = None) -> Exported:
    """Write the described ONNX file of a model, and the card. Raises as `export` does."""
    folder, dataset, source = request.folder, request.dataset, original.path
    size = _picture_size(original, dataset)
    proto = onnx_module().load_from_string(original.convert(request.opset))
    found = recognized(original, proto, dataset, request.preprocess)
    spec = replace(original.input, preprocessing=replace(found.preprocessing, size=size))
    return_probabilities(proto, found.scores)
    card = card or records.third_party_card(folder.path.name, original, spec, dataset)
    card = replace(records.card_in(folder, source, card), original_sha256=files.sha256(source))
    path = folder.onnx(original.precision)
    with folder.changing() as staged, _named_as_they_will_be(staged, folder):
        reference = _Reference(original, spec, found.scores, dataset)
        record, comparison, verified_on = _write_verified(staged, proto, reference, card, request)
        if source.suffix != ".onnx":
            copy_source(source, folder, staged)
        card = card.with_export(path.name, record)
        staged.write_card(card)
    return Exported(path, card, record, comparison, verified_on, _notes(original, spec, found, dataset))


def _wanted(card: Card | None, signature: str | None, output: str | None) -> Selection:
    """What the user wants of the model, or else what was exported of it before."""
    said = card.selection if card else USUAL
    return Selection(said.signature if signature is None else signature, said.output if output is None else output)


def _foreign(source: Path, folder: ModelFolder, wanted: Selection) -> OnnxFile:
    if wanted.signature:
        raise UsageError(f"{source} is an ONNX file, and only a SavedModel has signatures: leave --signature out")
    original = open_onnx(source, wanted.output)
    target = folder.onnx(original.precision)
    if target.exists() and target.samefile(source):
        raise ExportError(f"{source} would be replaced by its copy: give --out DIR, for a folder of its own")
    return original


def _picture_size(original: Source, dataset: Dataset | None) -> tuple[int, int] | None:
    """The height and width to bring pictures to, for a model that takes any size; None for other models."""
    layout = original.input.layout
    if layout is None or None not in (layout.height, layout.width):
        return None
    if dataset is None:
        raise ExportError(
            f"{original.path} takes pictures of any size: give --data with images of the size that it was trained with"
        )
    return dataset.image_shape[0], dataset.image_shape[1]


@contextmanager
def _named_as_they_will_be(staged: Staged, folder: ModelFolder) -> Iterator[None]:
    """Let messages name the folder's own files, not the unfinished ones."""
    try:
        yield
    except EdgecnnError as error:
        error.args = (str(error).replace(str(staged.path), str(folder.path)),)
        raise


@dataclass(frozen=True)
class _Reference:
    """The original, with how it wants its pixels and what its scores mean, and the data to compare on."""

    original: Source
    spec: InputSpec
    scores: Scores
    dataset: Dataset | None

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return to_probabilities(self.original.scores(images, self.spec), self.scores)


def _write_verified(
    staged: Staged, proto: Any, reference: _Reference, card: Card, request: Request
) -> tuple[ExportRecord, Comparison, str]:
    """Write the ONNX file if its answers equal the original's. Returns its record, the comparison and the images."""
    original, dataset = reference.original, reference.dataset
    path = staged.onnx(original.precision)
    images, verified_on = verification_images(original.trial_shape, dataset)
    metadata = records.metadata_of(card, original, reference.spec, dataset)
    records.save(proto, path, metadata)
    candidate = Classifier(path)
    comparison = compare(candidate.predict(images), reference.predict(images))
    allowed = request.tolerance
    if allowed is None:
        allowed = allowed_difference(candidate, images, weighted_layers(proto))
    require_equal(comparison, path.name, allowed)
    score = score_of(candidate.predict(dataset.test.images), dataset.test) if dataset else None
    told = records.telling_doubt(replace(metadata, accuracy=score), candidate, dataset)
    records.save(proto, path, told)
    record = records.record_of(path, original.precision, opset_of(proto), score, comparison)
    return record, comparison, verified_on


def _source_in(path: Path) -> Path:
    """The model at a path: the file or SavedModel itself, or the original in a model folder."""
    if not path.is_dir() or (path / "saved_model.pb").exists():
        return path
    original = ModelFolder(path).original()
    if original is None:
        raise ExportError(f"{path} holds none of {', '.join(folders.ORIGINAL_NAMES)}: run 'edgecnn train' first")
    return original


def folder_for(model: str | Path, source: Path, out: Path | None) -> ModelFolder:
    """The folder to write into: `out`, the model's own folder or, for a third-party file, `models/<its name>` here."""
    if out is not None:
        return ModelFolder(out)
    own = source.name in (*folders.ORIGINAL_NAMES, *folders.ONNX_NAMES.values())
    here = Path(model).exists() or (folders.MODELS / model).exists()
    if own:
        return ModelFolder(source.parent) if here else folders.default_folder(source.parent.name)
    return folders.default_folder(source.stem)


def _notes(original: Source, spec: InputSpec, found: Recognized, dataset: Dataset | None) -> tuple[str, ...]:
    notes = []
    if original.selection != USUAL:
        notes.append(f"the ONNX file has {original.selection} of the model")
    if found.scores in ADDED:
        notes.append(f"the model returns {ADDED[found.scores]} so that the ONNX file returns probabilities")
    if found.scores == "independent":
        notes.append("the model returns a probability for each class on its own: they do not add up to 1")
    if spec.dtype != "uint8":
        notes.append(f"pixels become {spec.preprocessing} ({found.reason})")
    if dataset is None:
        notes.append("the model was compared on random images only; give --data to verify and score it on real images")
    return tuple(notes)


def score_of(probabilities: NDArray[np.float32], split: Split) -> Accuracy:
    """The accuracy of probabilities, float32 [n, classes], for the images of a split."""
    return accuracy(split.name, probabilities.argmax(axis=1), split.labels)


def copy_source(source: Path, folder: ModelFolder, staged: Staged | None = None) -> None:
    """Copy the source into the folder, so that the converted model can be compared with it later."""
    if folder.path.resolve() == source.parent.resolve():
        return
    name = f"model{source.suffix}" if source.is_file() else "saved_model"
    files.copy(source, (staged or folder).path / name)
