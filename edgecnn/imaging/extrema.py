"""Running maxima and minima over square windows: gray dilation, erosion and closing."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def dilated(image: Array, window: int) -> Array:
    """The maximum of the `window` × `window` pixels around each pixel. The window is odd, and cut at edges."""
    return _both_ways(image, window, np.maximum)


def eroded(image: Array, window: int) -> Array:
    """The minimum of the `window` × `window` pixels around each pixel. The window is odd, and cut at edges."""
    return _both_ways(image, window, np.minimum)


def closing(image: Array, window: int) -> Array:
    """A dilation and then an erosion: dark parts that are narrower than the window get the brightness around them."""
    return eroded(dilated(image, window), window)


def _both_ways(image: Array, window: int, extremum: Callable[..., Array]) -> Array:
    return _down(_down(image, window, extremum).T, window, extremum).T


def _down(image: Array, window: int, extremum: Callable[..., Array]) -> Array:
    """The running extremum over columns. The width of what is covered doubles with each step."""
    reach = min(window // 2, len(image))
    edge = np.repeat(image[:1], reach, axis=0), np.repeat(image[-1:], reach, axis=0)
    found, covered, wanted = np.concatenate([edge[0], image, edge[1]]), 1, 2 * reach + 1
    while covered < wanted:
        step = min(covered, wanted - covered)
        found, covered = extremum(found[:-step], found[step:]), covered + step
    return found
