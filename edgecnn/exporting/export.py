"""[onnx; TensorFlow for `export` only] `export`: converts a model to a verified ONNX file and updates the card."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn import files
from edgecnn import folder as folders
from edgecnn.card import Card, ExportRecord
from edgecnn.data import Dataset, Split
from edgecnn.data.provenance import find_dataset, origin_of
from edgecnn.errors import EdgecnnError, ExportError
from edgecnn.exporting import records
from edgecnn.exporting.isolated import IsolatedModel, open_isolated
from edgecnn.exporting.verify import Comparison, allowed_difference, compare, require_equal
from edgecnn.folder import ModelFolder, Staged
from edgecnn.graph.describe import weighted_layers
from edgecnn.graph.graph import onnx_module
from edgecnn.graph.outputs import return_probabilities
from edgecnn.metrics import Accuracy, accuracy
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.first_operators import wanted_pixels
from edgecnn.runtime.input_spec import ASSUMED, InputSpec
from edgecnn.runtime.recognition import Recognized, choose
from edgecnn.runtime.scores import Scores, classes_of, recognize, to_probabilities
from edgecnn.scratch import scratch

DEFAULT_OPSET = 17
VERIFICATION_IMAGES = 1000
LEAST_IMAGES, MOST_RANDOM_BYTES = 50, 2**24  # where random images are compared
SEED = 0  # for drawing the verification images
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
) -> Exported:
    """Convert a TensorFlow model to `model.onnx`, compare the two on real images, and write the file and the card.

    `out` is the model folder to write into. `data` defaults to the data set that the model was trained with, or to
    MNIST if the model takes such images; without a data set, random images are compared. `tolerance` is
    how far a probability may differ; by default it is what rounding to float32 explains.
    `preprocess` says how a float model wants its pixels; by default it is chosen by log loss on validation images.
    Raises ModelError,
    ExportError, VerificationError, DataError, MissingDependencyError and OutputError. Nothing is written if it raises.
    """
    source = _original_in(folders.find(model))
    folder = folder_for(model, source, out)
    card = ModelFolder(source.parent).card_of(source) if source.name in folders.ORIGINAL_NAMES else None
    original = open_isolated(source)
    spec = original.input
    dataset = find_dataset(origin_of(card), data, spec, classes_of(original.outputs))
    proto = onnx_module().load_from_string(original.convert(opset))
    found = _recognized(original, spec, proto, dataset, preprocess)
    spec = replace(spec, preprocessing=found.preprocessing)
    return_probabilities(proto, found.scores)
    card = card or records.third_party_card(folder.path.name, original, spec, dataset)
    card = replace(records.card_in(folder, source, card), original_sha256=files.sha256(source))
    path = folder.onnx("float32")
    with folder.changing() as staged, _named_as_they_will_be(staged, folder):
        reference = _Reference(original, spec, found.scores, dataset)
        file = staged.onnx("float32")
        record, comparison, verified_on = _write_verified(file, proto, reference, card, opset, tolerance)
        copy_source(source, folder, staged)
        card = card.with_export(path.name, record)
        staged.write_card(card)
    return Exported(path, card, record, comparison, verified_on, _notes(spec, found, dataset))


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

    original: IsolatedModel
    spec: InputSpec
    scores: Scores
    dataset: Dataset | None

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return to_probabilities(self.original.scores(images, self.spec), self.scores)


def _write_verified(
    path: Path, proto: Any, reference: _Reference, card: Card, opset: int, tolerance: float | None
) -> tuple[ExportRecord, Comparison, str]:
    """Write the ONNX file if its answers equal the original's. Returns its record, the comparison and the images."""
    dataset = reference.dataset
    images, verified_on = _verification_images(reference.original.trial_shape, dataset)
    metadata = records.metadata_of(card, reference.spec, card.original_sha256)
    records.save(proto, path, metadata)
    candidate = Classifier(path)
    comparison = compare(candidate.predict(images), reference.predict(images))
    allowed = allowed_difference(candidate, images, weighted_layers(proto)) if tolerance is None else tolerance
    require_equal(comparison, path.name, allowed)
    score = score_of(candidate.predict(dataset.test.images), dataset.test) if dataset else None
    records.save(proto, path, replace(metadata, accuracy=score))
    return records.record_of(path, "float32", opset, score, comparison), comparison, verified_on


def _recognized(
    original: IsolatedModel, spec: InputSpec, proto: Any, dataset: Dataset | None, asked: Preprocessing | None
) -> Recognized:
    """How the model wants its pixels, and what its scores mean.

    The user says it, or the log loss on validation images; without data, the model's first operators, or else an
    assumption.
    """
    name = original.path.name
    if spec.dtype != "uint8" and asked is None and dataset:
        return choose(original.run, spec, dataset, name)
    how, reason = _without_data(spec, proto, asked)
    images, _ = _verification_images(original.trial_shape, dataset)
    scores = original.scores(images, replace(spec, preprocessing=how))
    return Recognized(how, recognize(scores), reason)


def _without_data(spec: InputSpec, proto: Any, asked: Preprocessing | None) -> tuple[Preprocessing, str]:
    if spec.dtype == "uint8":
        return spec.preprocessing, ""
    if asked:
        return asked, "as --preprocess says"
    with scratch() as folder:
        file = folder / "model.onnx"
        file.write_bytes(proto.SerializeToString())
        wanted = wanted_pixels(file, proto.graph.input[0].name)
    return (
        (wanted, "as its first operators show")
        if wanted
        else (ASSUMED, "which is assumed; give --data or --preprocess")
    )


def _original_in(path: Path) -> Path:
    """The TensorFlow model at a path: the file or SavedModel itself, or the original in a model folder."""
    if path.suffix == ".onnx":
        raise ExportError(f"{path} is already an ONNX file: add --quantize to make it smaller")
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


def _verification_images(shape: tuple[int, ...], dataset: Dataset | None) -> tuple[NDArray[np.uint8], str]:
    if dataset:
        sample = dataset.test.sample(VERIFICATION_IMAGES, SEED)
        return sample.images, f"{len(sample):,} test images of {dataset.name}"
    count = min(VERIFICATION_IMAGES, max(LEAST_IMAGES, MOST_RANDOM_BYTES // prod(shape)))
    return np.random.default_rng(SEED).integers(0, 256, (count, *shape), np.uint8), f"{count:,} random images"


def _notes(spec: InputSpec, found: Recognized, dataset: Dataset | None) -> tuple[str, ...]:
    notes = []
    if found.scores in ADDED:
        notes.append(f"the model returns {ADDED[found.scores]} so that the ONNX file returns probabilities")
    if found.scores == "independent":
        notes.append("the model returns a probability for each class on its own: they do not add up to 1")
    if spec.dtype != "uint8":
        notes.append(f"the model takes {spec.dtype}; its pixels become {spec.preprocessing} ({found.reason})")
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
