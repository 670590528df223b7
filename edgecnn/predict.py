"""Classifies pictures from files and folders, a few at a time. A picture that cannot be read stops no other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import ImageError
from edgecnn.imaging.reading import SUFFIXES, open_picture, to_input
from edgecnn.runtime.classifier import Classifier, Prediction

FileResult = tuple[Path, list[Prediction] | ImageError]
Read = tuple[Path, NDArray[np.uint8] | ImageError]

AT_ONCE = 16  # pictures of 28×28: more would not be faster
RUN_BYTES, FLOAT32 = 2**20, 4  # of pixels as float32: a network's activations take a hundred times as much


def expand(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Each path, where a folder is replaced by its pictures in the order of their names, without hidden ones.

    A folder without pictures, or one that cannot be listed, stands for itself: reading it tells why.
    """
    for path in map(Path, paths):
        yield from (path / name for name in _pictures_in(path) or [""])


def _pictures_in(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if _is_picture(entry))
    except (OSError, ValueError):  # a file, or nothing, or a name that cannot be a path
        return []


def _is_picture(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES and not entry.is_dir()


def classify_files(
    classifier: Classifier, paths: Iterable[str | Path], top: int = 1, at_once: int = AT_ONCE
) -> Iterator[FileResult]:
    """Each picture's path and its `top` most likely labels, or the ImageError that says why it cannot be read.

    At most `at_once` pictures, and RUN_BYTES of them, are classified in one run, so memory grows neither with their
    number nor with their size. With 1, each result is given before the next path is asked for. A model with a fixed
    batch size gets batches of that size. Raises InputError if the model does not take images.
    """
    size = classifier.input.image_size
    waiting: list[Read] = []
    for path in expand(paths):
        waiting.append((path, _pixels(path, size)))
        if len(waiting) >= (classifier.batch or in_one_run(size, at_once)):
            yield from _classified(classifier, waiting, top)
            waiting.clear()
    yield from _classified(classifier, waiting, top)


def in_one_run(size: tuple[int, int, bool], at_once: int) -> int:
    """How many pictures of that height and width, in color or not, are classified in one run."""
    height, width, color = size
    bytes_each = height * width * (3 if color else 1) * FLOAT32
    return max(1, min(at_once, RUN_BYTES // bytes_each))


def _pixels(path: Path, size: tuple[int, int, bool]) -> NDArray[np.uint8] | ImageError:
    height, width, color = size
    try:
        require_file(path)
        return to_input(open_picture(path), height, width, color=color)
    except ImageError as error:
        return error


def require_file(path: Path) -> None:
    """Raise ImageError for a folder that can be listed: `expand` has found no picture in it."""
    if os.path.isdir(path) and os.access(path, os.R_OK):  # noqa: PTH112 (Path.is_dir raises for a long name)
        raise ImageError(f"{path} has no pictures: give a folder with PNG or JPEG files")


def _classified(classifier: Classifier, read: list[Read], top: int) -> Iterator[FileResult]:
    images = [found for _, found in read if not isinstance(found, ImageError)]
    answers = iter(classifier.classify(np.stack(images), top) if images else ())
    for path, found in read:
        yield path, found if isinstance(found, ImageError) else next(answers)
