"""How many images are computed at once: as many as fit into a share of the memory, whatever their size and number."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT32 = 4  # bytes
# What a network holds at once while it runs, in bytes for each byte of its image in float32. Of keras.applications,
# VGG16 and VGG19 hold the most: two maps of 64 channels, as large as the image with its 3 channels, which makes 43, and
# the buffers of a convolution. For a gray image, two layers of 50 channels hold as much as this.
ACTIVATIONS = 100
RUN_BYTES = 2**26  # of activations in one run of onnxruntime
RUN_IMAGES = 64  # more small images at once are not faster


def at_once(image: tuple[int, ...], most_bytes: int = RUN_BYTES, most: int = RUN_IMAGES) -> int:
    """How many images of a shape a network can take at once, 1 to `most`, so that it holds at most `most_bytes`."""
    return fitting(prod(image) * FLOAT32 * ACTIVATIONS, most_bytes, most)


def fitting(bytes_each: int, most_bytes: int, most: int) -> int:
    """How many items of so many bytes each fit: 1 to `most`."""
    return max(1, min(most, most_bytes // max(1, bytes_each)))


def batches(images: NDArray[Any], most_bytes: int = RUN_BYTES, most: int = RUN_IMAGES) -> Iterator[NDArray[Any]]:
    """Consecutive pieces of images, [n, …], as large as `at_once` says."""
    return chunks(images, at_once(images.shape[1:], most_bytes, most))


def chunks(images: NDArray[np.generic], size: int) -> Iterator[NDArray[np.generic]]:
    """Consecutive pieces of at most `size` items along the first axis, so that evaluation needs bounded memory."""
    for start in range(0, len(images), size):
        yield images[start : start + size]
