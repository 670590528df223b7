"""[onnx] Builds the metadata of ONNX files and the records in a folder's card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn import files
from edgecnn.card import SHA256, Card, ExportRecord, versions
from edgecnn.data import Dataset, Split
from edgecnn.exporting.source import Source
from edgecnn.exporting.verify import Comparison
from edgecnn.folder import ModelFolder
from edgecnn.graph import describe
from edgecnn.graph.graph import onnx_module
from edgecnn.imaging.form import most_have_form
from edgecnn.metrics import Accuracy, threshold_keeping
from edgecnn.origin import Origin
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime import outliers
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.metadata import DIGIT, SCALE, ModelMetadata
from edgecnn.runtime.outliers import Outliers
from edgecnn.runtime.scores import classes_of
from edgecnn.runtime.treatment import DIGITS, SIZE, treatment_for, treatment_of

KEPT = 0.995  # of the right labels of validation images are not called uncertain


def third_party_card(name: str, original: Source, spec: InputSpec, dataset: Dataset | None) -> Card:
    """The card of a third-party model. Its labels are the file's own, else the data set's, else numbers."""
    numbers = tuple(map(str, range(classes_of(original.outputs))))
    return Card(
        name=name,
        labels=original.metadata.labels or (dataset.labels if dataset else numbers),
        input_shape=spec.shape,
        input_dtype=spec.dtype,
        preprocessing=stated(spec),
        selection=original.selection,
        parameters=original.parameters,
        versions=versions("edgecnn", *original.packages, "numpy"),
    )


def card_of_onnx(name: str, classifier: Classifier, proto: Any) -> Card:
    """The card of an ONNX file that has none."""
    original = classifier.metadata.original_sha256
    return Card(
        name=name,
        labels=classifier.labels,
        input_shape=classifier.input.shape,
        input_dtype=classifier.input.dtype,
        preprocessing=stated(classifier.input),
        original_sha256=original if SHA256.fullmatch(original) else "",
        parameters=describe.describe(proto).parameters,
        versions=versions("edgecnn", "onnx", "onnxruntime", "numpy"),
    )


def stated(spec: InputSpec) -> Preprocessing | None:
    """What to write down of how a model wants its pixels: nothing for one that takes them as they are."""
    return None if spec.dtype == "uint8" and spec.preprocessing.size is None else spec.preprocessing


def card_in(folder: ModelFolder, source: Path, card: Card) -> Card:
    """The card for `folder`. In another folder than the source's it lists no exports, because those stay behind."""
    return card if folder.path.resolve() == source.parent.resolve() else replace(card, exports={})


def metadata_of(card: Card, original: Source, spec: InputSpec, dataset: Dataset | None) -> ModelMetadata:
    """The metadata of an ONNX file that is made of `original`, with the entries of other tools that it has."""
    return replace(
        original.metadata,
        name=card.name,
        labels=card.labels,
        recipe=card.training.recipe if card.training else "",
        dataset=Origin(card.data.name, card.data.sha256) if card.data else None,
        original_sha256=card.original_sha256,
        versions=card.versions | versions(*original.packages),
        preprocessing=stated(spec),
        treatment=original.metadata.treatment or _treatment(card, spec, dataset),
    )


def _treatment(card: Card, spec: InputSpec, dataset: Dataset | None) -> str:
    """What its training data say; nothing for a model of unknown data, or one that does not take pictures."""
    if card.data is None or spec.layout is None or None in (spec.layout.height, spec.layout.width):
        return ""
    if dataset and dataset.sha256 == card.data.sha256:
        is_of_form = spec.image_size == SIZE and card.labels == DIGITS and most_have_form(dataset.train.images)
        return DIGIT if is_of_form else SCALE
    return treatment_for(Origin(card.data.name, card.data.sha256), card.labels, spec.image_size)


def save(proto: Any, path: Path, metadata: ModelMetadata) -> None:
    """Write a model with its metadata and a summary of its graph, which can then be read without the onnx package."""
    described = replace(metadata, graph=describe.describe(proto))
    del proto.metadata_props[:]
    onnx_module().helper.set_model_props(proto, described.entries())
    path.write_bytes(proto.SerializeToString())


def telling_doubt(metadata: ModelMetadata, classifier: Classifier, dataset: Dataset | None) -> ModelMetadata:
    """The metadata with what tells which of the classifier's digits are uncertain.

    Without data, and of images of another size, none is called so.
    """
    metadata = replace(metadata, confidence=None, outliers=None)
    if dataset is None or dataset.image_shape != SIZE[:2]:
        return metadata
    labels, taken = classifier.labels, classifier.input
    reads_digits = taken.layout is not None and treatment_of(metadata, labels, taken.image_size) == DIGIT
    probabilities = classifier.predict(dataset.validation.images)
    return replace(
        metadata,
        confidence=_least_confidence(probabilities, dataset.validation),
        outliers=_outliers(dataset, probabilities, len(labels)) if reads_digits else None,
    )


def _least_confidence(probabilities: NDArray[np.floating], validation: Split) -> float | None:
    """The probability that KEPT of the right labels of validation images reach: below it, a label is uncertain.

    None if no label is right.
    """
    right = probabilities[probabilities.argmax(axis=1) == validation.labels]
    return threshold_keeping(KEPT, right) if len(right) else None


def _outliers(dataset: Dataset, probabilities: NDArray[np.floating], classes: int) -> Outliers | None:
    """What tells digits from all else, fitted on training images; its limit is chosen on validation images.

    `probabilities` are the network's for the validation images. None if there are too few images to tell.
    """
    train, validation = dataset.train, dataset.validation
    fitted = outliers.fit(train.images, train.labels, classes)
    limit = fitted and outliers.limit_of(fitted, validation.images, probabilities.argmax(axis=1))
    return replace(fitted, limit=limit) if fitted and limit else None


def record_of(
    path: Path,
    precision: str,
    opset: int,
    score: Accuracy | None,
    comparison: Comparison,
) -> ExportRecord:
    """The card's record of the ONNX file at `path`."""
    return ExportRecord(
        precision=precision,
        bytes=path.stat().st_size,
        sha256=files.sha256(path),
        opset=opset,
        max_difference=comparison.max_difference,
        agreement=comparison.agreement,
        accuracy=score,
    )
