"""Which images a model is measured with: the user's, those that came with it, those of its data set, or noise."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import TFLITE, Entry
from edgecnn.bench.runtimes.litert import interface
from edgecnn.bundles.pictures import read_images
from edgecnn.data import Dataset
from edgecnn.data.provenance import Read, find_dataset, origin_of
from edgecnn.errors import BenchError, DataNotHere, ModelError
from edgecnn.folder import IMAGES, ModelFolder
from edgecnn.origin import Origin
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec

NOISE_IMAGES, NOISE_SIZE = 64, 64  # a model without data is timed with noise


@dataclass(frozen=True, eq=False)
class Images:
    """What a model takes, its data set, and the uint8 images to measure with.

    Without a data set they are noise; `note` says why, if the model names data that is not here.
    """

    spec: InputSpec
    dataset: Dataset | None
    pixels: NDArray[np.uint8]
    note: str | None = None


def images_of(entry: Entry, data: str | Path | None, read: Read) -> Images:
    """What to measure a model with. Raises BenchError, DataError, InputError and ModelError."""
    spec, labels, recorded = _interface(entry)
    note = None
    own = _own_images(entry) if data is None else None
    try:
        if own:
            dataset = find_dataset(None, IMAGES, spec, len(labels), lambda _: own, labels)
        else:
            dataset = find_dataset(origin_of(entry.card, recorded), data, spec, len(labels), read, labels)
    except DataNotHere as error:
        dataset, note = None, f"{entry.model} was timed with noise and not scored: {error}"
    if dataset:
        return Images(spec, dataset, dataset.test.images)
    shape = (NOISE_IMAGES, *(size or NOISE_SIZE for size in spec.shape))
    return Images(spec, None, np.random.default_rng(0).integers(0, 256, shape, np.uint8), note)


def _own_images(entry: Entry) -> Dataset | None:
    """The images that came with a model in a bundle, unless its original is measured too, and so is at home here.

    Raises DataError if they are damaged.
    """
    images = ModelFolder(entry.place).images
    if entry.card is None or any(item.is_original for item in entry.contenders) or not images.is_file():
        return None
    return read_images(images, entry.card)


def _interface(entry: Entry) -> tuple[InputSpec, tuple[str, ...], Origin | None]:
    if entry.card:
        spec = InputSpec(entry.card.input_shape, entry.card.input_dtype, entry.card.preprocessing or Preprocessing())
        return spec, entry.card.labels, None
    path = entry.place
    if path.suffix == TFLITE:
        spec, outputs = interface(path)
        return spec, tuple(map(str, range(outputs))), None
    files = ModelFolder(path).onnx_files() if path.is_dir() else [path]  # all of them, even if they are not measured
    files = [file for file in files if file.suffix == ".onnx"]
    if not files:
        raise BenchError(f"{entry.model} has neither a card nor an ONNX file: run 'edgecnn export {entry.model}' first")
    classifier = _first_that_opens(files)
    return classifier.input, classifier.labels, classifier.metadata.dataset


def _first_that_opens(files: Sequence[Path]) -> Classifier:
    """Skip broken files, which then fail only their own contenders. Raises ModelError if no file opens."""
    *others, last = files
    for file in others:
        with suppress(ModelError):
            return Classifier(file)
    return Classifier(last)
