"""Turns arrays as people store them into pixels from 0 to 255 and whole-number labels, or says how to convert them."""

from collections.abc import Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from edgecnn.data.parts import Array, Pair, Parts
from edgecnn.data.roles import label_order
from edgecnn.errors import DataError

CHANNELS = (1, 3)
AT_ONCE = 2**24  # values that are converted at once
# Real images reach 255 or nearly so. A brightest pixel of 16 means another scale, as in scikit-learn's digits.
LEAST_BRIGHTEST = 64


def normalized(name: str, parts: Parts) -> Parts:
    """The same data with uint8 images, [n, height, width] or with channels last, and int64 labels [n].

    Values from 0 to 1 become 0 to 255. Flat square images get their two sides, one-hot labels their class, and texts
    become class names. Raises DataError for what could be read in two ways; its message calls the data `name`.
    """
    images = [_shaped(name, pair.images) for pair in parts.pairs.values()]
    images = images if parts.decoded else _pixels(name, images, typed=parts.typed)
    labels, names = _labels(name, [pair.labels for pair in parts.pairs.values()])
    pairs = {split: Pair(*pair) for split, pair in zip(parts.pairs, zip(images, labels, strict=True), strict=True)}
    return parts.changed(pairs, parts.names or names)


def _shaped(name: str, images: Array) -> Array:
    if images.ndim == 2:
        side = isqrt(images.shape[1])
        if side * side != images.shape[1]:
            raise DataError(
                f"{name}: each image is a row of {images.shape[1]:,} values, which is not a square: "
                "reshape them to [n, height, width] or [n, height, width, 3]"
            )
        return images.reshape(-1, side, side)
    if images.ndim == 4 and images.shape[1] in CHANNELS and images.shape[3] not in CHANNELS:
        return np.moveaxis(images, 1, -1)
    return images


def _pixels(name: str, splits: Sequence[Array], *, typed: bool) -> list[NDArray[np.uint8]]:
    for images in splits:
        if images.dtype.kind not in "buif":
            raise DataError(f"{name}: images are {images.dtype}: save them as uint8, 0 to 255")
    ranges = [(float(images.min()), float(images.max())) for images in splits if images.size]
    low, high = min((low for low, _ in ranges), default=0), max((high for _, high in ranges), default=0)
    shares = {most <= 1 for _, most in ranges if most > 0}
    least = 0 if typed and all(images.dtype == np.uint8 for images in splits) else LEAST_BRIGHTEST
    if not (low >= 0 and (high <= 1 or least <= high <= 255) and len(shares) < 2):
        raise DataError(
            f"{name}: {_range(ranges)}: save them as uint8, 0 to 255 (from −1 to 1, that is "
            "(127.5 * x + 127.5).round().astype('uint8'))"
        )
    return [_to_8_bits(images, 255 if high <= 1 else 1) for images in splits]


def _range(ranges: Sequence[tuple[float, float]]) -> str:
    return "images have values " + " and ".join(dict.fromkeys(f"from {low:g} to {high:g}" for low, high in ranges))


def _to_8_bits(images: Array, factor: int) -> NDArray[np.uint8]:
    if images.dtype == np.uint8 and factor == 1:
        return images
    new = np.empty(images.shape, np.uint8)
    step = max(1, AT_ONCE // max(1, images[:1].size))
    for start in range(0, len(images), step):
        new[start : start + step] = np.round(images[start : start + step].astype(np.float32) * factor)
    return new


def _labels(name: str, splits: Sequence[Array]) -> tuple[list[NDArray[np.int64]], tuple[str, ...] | None]:
    found = [_one_each(name, labels) for labels in splits]
    if all(labels.dtype.kind != "U" for labels in found):
        return [labels.astype(np.int64) for labels in found], None
    texts = [labels.astype(str) for labels in found]
    names = sorted({str(text) for labels in texts for text in np.unique(labels)}, key=label_order)
    index = {text: number for number, text in enumerate(names)}
    return [np.array([index[str(text)] for text in labels], np.int64) for labels in texts], tuple(names)


def _one_each(name: str, labels: Array) -> Array:
    """One whole number or text for each image."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "buif":
        return _hot(name, labels)
    if labels.dtype.kind in "US":
        texts = np.char.strip(_text(name, labels))
        if (texts == "").any():
            raise DataError(f"{name}: {np.count_nonzero(texts == '')} images have an empty label: give each one")
        return _numbers(texts)
    if labels.dtype.kind == "f" and (not np.isfinite(labels).all() or (labels != np.round(labels)).any()):
        raise DataError(f"{name}: labels are not whole numbers: save them as integers")
    if labels.ndim != 1 or labels.dtype.kind not in "buif" or (np.abs(labels.astype(float)) > 2**53).any():
        raise DataError(
            f"{name}: labels are {labels.dtype} of shape {labels.shape}; each image needs one whole number or text"
        )
    return labels.astype(np.int64)


def _hot(name: str, labels: Array) -> NDArray[np.int64]:
    """The classes of one-hot rows."""
    if not (((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()):
        raise DataError(
            f"{name}: labels have shape {labels.shape} and are not one-hot; each image needs one label, "
            "so save the one of the class, with shape [n]"
        )
    return np.asarray(labels.argmax(axis=1), np.int64)


def _text(name: str, labels: Array) -> NDArray[np.str_]:
    if labels.ndim != 1 or not labels.size:
        raise DataError(f"{name}: labels have shape {labels.shape}; each image needs one")
    try:
        return labels.astype(str) if labels.dtype.kind == "U" else np.char.decode(labels, "utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{name}: labels are not UTF-8 text: save them as numbers or in UTF-8") from None


def _numbers(texts: NDArray[np.str_]) -> Array:
    """The texts as numbers if all are: 3, 3.0."""
    try:
        numbers = texts.astype(np.float64)
    except ValueError:
        return texts
    whole = np.isfinite(numbers).all() and (numbers == np.round(numbers)).all() and (np.abs(numbers) < 2**53).all()
    return numbers.astype(np.int64) if whole else texts
