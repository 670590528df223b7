"""[onnx; TensorFlow for `export` only] The stage: model folder in, verified ONNX files and an updated card out."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecnn import files
from edgecnn import folder as folders
from edgecnn.card import Card, ExportRecord
from edgecnn.data import Dataset, Split
from edgecnn.data.provenance import find_dataset, origin_of
from edgecnn.errors import ExportError
from edgecnn.exporting import records
from edgecnn.exporting.keras_to_onnx import Original, convert, load_original
from edgecnn.exporting.verify import Comparison, compare, require_equal
from edgecnn.folder import ModelFolder
from edgecnn.metrics import Accuracy, accuracy
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec

DEFAULT_OPSET = 17
VERIFICATION_IMAGES = 1000
SEED = 0  # of the draw of verification images
SCALES = (1 / 255, 1.0)  # what a foreign float model's pixels may be multiplied by


@dataclass(frozen=True)
class Exported:
    """A verified float32 ONNX file. `verified_on` names the images; `notes` tell what had to be assumed."""

    path: Path
    card: Card
    record: ExportRecord
    comparison: Comparison
    verified_on: str
    notes: tuple[str, ...]


def export(
    model: str | Path, *, out: Path | None = None, data: str | Path | None = None, opset: int = DEFAULT_OPSET
) -> Exported:
    """Convert a TensorFlow model to `model.onnx`, compare the two on real images, write it and the card.

    `data` defaults to what the model was trained with, or MNIST where the model has its form. Raises ModelError,
    ExportError, VerificationError, DataError, MissingDependencyError, OutputError; then nothing is written.
    """
    source = _original_in(folders.find(model))
    folder = folder_for(model, source, out)
    card = ModelFolder(source.parent).card() if source.name in folders.ORIGINAL_NAMES else None
    original = load_original(source)
    dataset = find_dataset(origin_of(card), data, original.input, original.classes)
    original = _with_scale(original, dataset)
    card = card or records.third_party_card(folder.path.name, original, dataset)
    card = records.card_in(folder, source, card)
    images, verified_on = _verification_images(original.input, dataset)
    proto = convert(original, opset)
    path = folder.onnx("float32")
    with files.atomic(path) as temporary:
        metadata = records.metadata_of(card, original.input, files.sha256(source))
        records.save(proto, temporary, metadata)
        candidate = Classifier(temporary)
        comparison = compare(candidate.predict(images), original.predict(images))
        require_equal(comparison, path.name)
        score = score_of(candidate.predict(dataset.test.images), dataset.test) if dataset else None
        records.save(proto, temporary, replace(metadata, accuracy=score))
        record = records.record_of(temporary, "float32", opset, score, comparison)
    copy_source(source, folder)
    card = card.with_export(path.name, record)
    folder.write_card(card)
    return Exported(path, card, record, comparison, verified_on, _notes(original, dataset))


def _original_in(path: Path) -> Path:
    """The TensorFlow model that a path stands for: itself, or the original in a model folder."""
    if path.suffix == ".onnx":
        raise ExportError(f"{path} is ONNX already: add --quantize to make it smaller")
    if not path.is_dir() or (path / "saved_model.pb").exists():
        return path
    original = ModelFolder(path).original()
    if original is None:
        raise ExportError(f"{path} holds no {', '.join(folders.ORIGINAL_NAMES)}: run 'edgecnn train' first")
    return original


def folder_for(model: str | Path, source: Path, out: Path | None) -> ModelFolder:
    """Where the result goes: `out`, the model's own folder, or for a foreign file `models/<its name>` here."""
    if out is not None:
        return ModelFolder(out)
    own = source.name in (*folders.ORIGINAL_NAMES, *folders.ONNX_NAMES.values())
    here = Path(model).exists() or (folders.MODELS / model).exists()
    if own:
        return ModelFolder(source.parent) if here else folders.default_folder(source.parent.name)
    return folders.default_folder(source.stem)


def _with_scale(original: Original, dataset: Dataset | None) -> Original:
    """A float model does not say whether it wants pixels to 255 or to 1: take what scores better in validation."""
    if original.input.dtype == "uint8" or dataset is None:
        return original
    sample = dataset.validation.sample(VERIFICATION_IMAGES, SEED)

    def correct(scale: float) -> int:
        spec = replace(original.input, scale=scale)
        answers = replace(original, input=spec).predict(sample.images).argmax(axis=1)
        return accuracy(sample.name, answers, sample.labels).correct

    return replace(original, input=replace(original.input, scale=max(SCALES, key=correct)))


def _verification_images(spec: InputSpec, dataset: Dataset | None) -> tuple[NDArray[np.uint8], str]:
    if dataset:
        sample = dataset.test.sample(VERIFICATION_IMAGES, SEED)
        return sample.images, f"{len(sample):,} test images of {dataset.name}"
    shape = (VERIFICATION_IMAGES, *(size or 64 for size in spec.shape))
    return np.random.default_rng(SEED).integers(0, 256, shape, np.uint8), f"{VERIFICATION_IMAGES:,} random images"


def _notes(original: Original, dataset: Dataset | None) -> tuple[str, ...]:
    notes = []
    if original.softmax_added:
        notes.append("the model returns logits; a Softmax was added, so that the ONNX file returns probabilities")
    if original.input.dtype != "uint8":
        how = "which scored best on validation images" if dataset else "assumed; --data would tell"
        notes.append(
            f"the model takes {original.input.dtype}; pixels are multiplied by {original.input.scale:.6g} ({how})"
        )
    if dataset is None:
        notes.append("no images suit the model; give --data to verify and score it on real ones")
    return tuple(notes)


def score_of(probabilities: NDArray[np.float32], split: Split) -> Accuracy:
    return accuracy(split.name, probabilities.argmax(axis=1), split.labels)


def copy_source(source: Path, folder: ModelFolder) -> None:
    """Keep the source beside what was made from it, so that the folder can be compared with it."""
    if folder.path.resolve() == source.parent.resolve():
        return
    files.copy(source, folder.path / (f"model{source.suffix}" if source.is_file() else "saved_model"))
