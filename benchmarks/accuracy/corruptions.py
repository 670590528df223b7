"""Corrupts digits in the usual ways, each at the severity that the literature uses.

Kinds and severities are those of Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision" (2019), which has
many from Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations"
(2019). MNIST-C has fifteen; its glass blur is left out here, and Gaussian blur, contrast and elastic distortion, which
are only in its code, are added. The code and the random numbers are this project's own. So figures from here are
comparable with one another, but only roughly with figures from MNIST-C's files.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.raster import (
    GRID,
    SIDE,
    Ink,
    blurred,
    connected,
    filter_matrix,
    plasma,
    sampled,
    shifted,
    stroke,
    warped,
)
from edgecnn.batches import chunks

SEED = 0
CHUNK = 100  # images at a time, so that intermediate arrays stay in the cache

Images = NDArray[np.uint8]
Random = np.random.Generator


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption. `what` describes it and its severity.

    `distort` takes ink, float64 [n, 28, 28] from 0 to 1, and returns an array of the same form. Values outside 0 to 1
    are clipped.
    """

    name: str
    what: str
    distort: Callable[[Ink, Random], Ink]

    def __call__(self, images: Images) -> Images:
        """Corrupt images, uint8 [n, 28, 28]. The result is always the same: each corruption has its own seed."""
        rng = np.random.default_rng([SEED, crc32(self.name.encode())])
        ink = [self.distort(chunk.astype(np.float64) / 255, rng) for chunk in chunks(images, CHUNK)]
        corrupted: Images = np.rint(255 * np.clip(np.concatenate(ink), 0, 1)).astype(np.uint8)
        return corrupted


def signs(rng: Random, *shape: int) -> NDArray[np.int64]:
    """Random signs, -1 or 1 with equal probability."""
    return 2 * rng.integers(2, size=shape) - 1


def shot_noise(ink: Ink, rng: Random) -> Ink:
    return rng.poisson(3 * ink) / 3


def impulse_noise(ink: Ink, rng: Random) -> Ink:
    struck = rng.random(ink.shape) < 0.17
    return np.where(struck, rng.integers(2, size=ink.shape), ink)


def gaussian_blur(ink: Ink, _: Random) -> Ink:
    return blurred(ink, sigma=2)


def motion_blur(ink: Ink, rng: Random) -> Ink:
    """Half a Gaussian along a random direction, in steps of whole pixels, as in ImageMagick."""
    angle = np.deg2rad(rng.uniform(-45, 45, len(ink)))
    steps = np.arange(21)
    weights = np.exp(-((steps / 3) ** 2) / 2)
    along = np.rint(np.outer(steps, np.sin(angle))).astype(int), np.rint(np.outer(steps, np.cos(angle))).astype(int)
    trail = np.zeros_like(ink)
    for weight, down, right in zip(weights / weights.sum(), *along, strict=True):
        trail += weight * shifted(ink, -down, -right)
    return trail


def shear(ink: Ink, rng: Random) -> Ink:
    """Each row moves sin 0.4 pixels further than the one above, and is 1/cos 0.4 times as high, as in scikit-image."""
    angle = 0.4 * signs(rng, len(ink))
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    return warped(ink, np.array([[np.cos(angle), zero], [-np.sin(angle), one]]).transpose(2, 0, 1))


def scale(ink: Ink, _: Random) -> Ink:
    return warped(ink, np.eye(2)[None] / 0.7)


def rotation(ink: Ink, rng: Random) -> Ink:
    angle = 0.4 * signs(rng, len(ink))
    cos, sin = np.cos(angle), np.sin(angle)
    return warped(ink, np.array([[cos, sin], [-sin, cos]]).transpose(2, 0, 1))


def brightness(ink: Ink, _: Random) -> Ink:
    return ink + 0.5


def contrast(ink: Ink, _: Random) -> Ink:
    mean: Ink = ink.mean(axis=(1, 2), keepdims=True)
    return mean + 0.1 * (ink - mean)


def translation(ink: Ink, rng: Random) -> Ink:
    return shifted(ink, *(3 * signs(rng, 2, len(ink))))


def stripes(ink: Ink, _: Random) -> Ink:
    outer = (GRID[1] < 7) | (GRID[1] >= 21)
    return np.where(outer, 1 - ink, ink)


def fog(ink: Ink, rng: Random) -> Ink:
    # MNIST-C applies its decay of 1.4 twice at each halving: to the amplitude, and to the factor in front of it.
    brightest: Ink = ink.max(axis=(1, 2), keepdims=True)
    return (ink + 3 * plasma(len(ink), 1.4**2, rng)) * brightest / (brightest + 3)


def spatter(ink: Ink, rng: Random) -> Ink:
    """Spots of mud, a quarter as bright as ink, where a blurred random field is high."""
    liquid = blurred(0.65 + 0.3 * rng.standard_normal(ink.shape), sigma=1)
    cover = blurred((liquid > 0.65).astype(np.float64), sigma=1.5)
    cover[cover < 0.8] = 0
    return ink * (1 - cover) + 63 / 255 * cover


def elastic_distortion(ink: Ink, rng: Random) -> Ink:
    """An affine map that moves three corners by up to a tenth of the image, then smooth random shifts."""
    corners = np.array([[23, 23], [5, 23], [5, 5]])
    moved = corners + rng.uniform(-2.8, 2.8, (len(ink), 3, 2))
    homogeneous = np.concatenate([moved, np.ones((len(ink), 3, 1))], axis=2)
    back = np.linalg.solve(homogeneous, np.broadcast_to(corners, moved.shape))  # maps a moved place to the original one
    shifts = 56 * blurred(rng.uniform(-1, 1, (len(ink), 2, SIDE, SIDE)), sigma=19.6, reach=3, border="symmetric")
    rows, columns = np.einsum("njk,njrc->knrc", back[:, :2], GRID + shifts) + back[:, 2].T[..., None, None]
    return sampled(ink, rows, columns)


def dotted_line(ink: Ink, rng: Random) -> Ink:
    """A line from the left border to the right, of which every second pair of columns is drawn."""
    start, end = (np.stack([rng.integers(27, size=len(ink)), np.full(len(ink), column)], axis=1) for column in (0, 27))
    return np.where(GRID[1] % 4 >= 2, ink + stroke(start, end), ink)


def zigzag(ink: Ink, rng: Random) -> Ink:
    """A zigzag of 2 pixels up and down, turning every 4, along a line of 23 columns with a slope of up to 5 rows."""
    start = rng.integers(27, size=len(ink))
    slope = np.arctan(rng.integers(-5, 5, size=len(ink)) / 23)
    cos, sin = np.cos(slope), np.sin(slope)
    along = np.array([0, 2, 6, 10, 14, 18, 22, 23])
    across = np.array([0, 2, -2, 2, -2, 2, -2, -1])
    rows = start + np.outer(along, sin) + np.outer(across, cos)
    columns = 2 + np.outer(along, cos) - np.outer(across, sin)
    corners = np.stack([rows, columns], axis=2)
    return ink + sum(stroke(*pair) for pair in pairwise(corners))


def canny_edges(ink: Ink, _: Random) -> Ink:
    """Canny's edge detector (IEEE PAMI 8, 1986), as in scikit-image.

    Edges are ridges of the gradient that are strong, or connected to strong ones.
    """
    smooth = blurred(ink, sigma=1)
    across, along = filter_matrix(np.array([-1.0, 0, 1])), filter_matrix(np.array([1.0, 2, 1]))  # Sobel's
    down, right = across @ smooth @ along.T, along @ smooth @ across.T
    slope, longer = np.hypot(down, right), np.maximum(np.maximum(np.abs(down), np.abs(right)), 1e-9)
    rows, columns = down / longer, right / longer  # one step uphill, between two of the eight neighbors
    ridges = slope >= sampled(slope, GRID[0] + rows, GRID[1] + columns)
    ridges &= slope >= sampled(slope, GRID[0] - rows, GRID[1] - columns)
    ridges[:, [0, -1]] = ridges[:, :, [0, -1]] = False
    return connected(ridges & (slope >= 0.2), ridges & (slope >= 0.1)).astype(np.float64)


# In parentheses: the severity, 1 to 5, that MNIST-C uses. Corruptions without one have a single severity.
CORRUPTIONS = (
    Corruption("shot noise", "Poisson noise, a mean count of 3 for full ink (5)", shot_noise),
    Corruption("impulse noise", "17 % of the pixels black or white (4)", impulse_noise),
    Corruption("Gaussian blur", "sigma of 2 pixels (2)", gaussian_blur),
    Corruption("motion blur", "sigma of 3 pixels to one side, within 45° of the rows (1)", motion_blur),
    Corruption("shear", "0.4 rad to either side (2)", shear),
    Corruption("scale", "to 70 % (3)", scale),
    Corruption("rotation", "0.4 rad in either direction (2)", rotation),
    Corruption("brightness", "half of full ink added (5)", brightness),
    Corruption("contrast", "reduced to a tenth, around the image's mean (4)", contrast),
    Corruption("translation", "3 pixels up or down and left or right (3)", translation),
    Corruption("stripes", "the outer 7 columns on each side inverted", stripes),
    Corruption("fog", "plasma noise of 3 times full ink added, then dimmed (5)", fog),
    Corruption("spatter", "mud on about 14 % of the image (4)", spatter),
    Corruption("elastic distortion", "corners moved by up to 2.8 pixels, smooth shifts (1)", elastic_distortion),
    Corruption("dotted line", "from border to border", dotted_line),
    Corruption("zigzag", "along 23 columns, 2 pixels up and down", zigzag),
    Corruption("Canny edges", "sigma of 1 pixel, thresholds of 0.1 and 0.2", canny_edges),
)
