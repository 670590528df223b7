"""Classifies pictures from files and folders, in bounded memory."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from edgecnn.errors import ImageError
from edgecnn.imaging.reading import SUFFIXES, open_picture, to_input
from edgecnn.runtime.classifier import PREDICT_CHUNK, Classifier, Prediction


def expand(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Each path, where a folder is replaced by its pictures in the order of their names.

    Raises ImageError for a folder without pictures.
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        found = sorted(item for item in path.iterdir() if item.suffix.lower() in SUFFIXES)
        if not found:
            raise ImageError(f"{path} has no pictures: give a folder with PNG or JPEG files")
        yield from found


def classify_files(
    classifier: Classifier, paths: Iterable[str | Path], top: int = 1
) -> Iterator[tuple[Path, list[Prediction]]]:
    """Each picture's path and its `top` most likely labels.

    Raises ImageError at the first file that is not a readable picture, InputError if the model does not take images.
    """
    height, width, color = classifier.input.image_size
    files = expand(paths)
    while some := list(islice(files, PREDICT_CHUNK)):
        images = np.stack([to_input(open_picture(path), height, width, color=color) for path in some])
        yield from zip(some, classifier.classify(images, top), strict=True)
