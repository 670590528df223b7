"""Light: which side of a gray picture is ink, and how much of the paper's light the ink takes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgecnn.imaging.extrema import closing
from edgecnn.imaging.medians import median

Gray = NDArray[np.uint8]
Ink = NDArray[np.floating[Any]]

# Up to this many pixels on the longer side, a picture is a digit that fills its frame, not paper in some light.
LARGEST_FRAME = 40
GROUND_SIDE = 64  # pixels of the copy that the paper is found in
# Of the copy's longer side. Strokes are narrower than this and are filled up with paper; shadows are wider and stay.
WINDOW = 0.3
AROUND, FAR = 0.25, 5  # of the copy's longer side; the power that makes few pixels far from their surroundings count
BLUR = 2  # pixels of the copy that are averaged: the paper's grain is not light
SURFACE_ROUNDS = 4
DARK, LITTLE = 0.7, 0.01  # pixels darker by so many deviations are no paper, and count so much
LEVELS = 256


def fills_frame(image: NDArray[np.generic]) -> bool:
    """Whether a picture is so small that a digit fills its frame."""
    return bool(max(image.shape) <= LARGEST_FRAME)


def otsu(gray: Gray) -> int:
    """The brightness that splits a picture's pixels into two classes best: the darker are at most this bright.

    Source: N. Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    counts = np.bincount(gray.ravel(), minlength=LEVELS).astype(np.float64)
    below, weighted = counts.cumsum(), (counts * np.arange(LEVELS)).cumsum()
    between = (weighted[-1] / below[-1] * below - weighted) ** 2 / np.maximum(below * (below[-1] - below), 1)
    return int(between.argmax())


def has_dark_paper(gray: Gray) -> bool:
    """Whether the ink of a picture, uint8 [height, width], is lighter than its paper.

    In a frame that a digit fills, paper is what most of the picture and of its border is. On a larger sheet, the
    brightness around each place is the paper's, and ink is the few pixels that are far from it.
    """
    if fills_frame(gray):
        light = gray > otsu(gray)
        border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
        return bool(border.mean() + light.mean() < 1)
    small = _small(gray).astype(np.float32)
    window = round(AROUND * max(small.shape))
    coarse = (max(1, small.shape[1] // window), max(1, small.shape[0] // window))
    return float(((small - _resized(_resized(small, coarse), small.shape[::-1])) ** FAR).mean()) > 0


def ink_of(gray: Gray) -> Ink:
    """The share of the paper's light that is missing, 0 to 1, float32 [height, width], for dark ink on light paper."""
    ground = _frame_ground(gray) if fills_frame(gray) else _ground(gray)
    ink = 1 - gray / ground
    return np.maximum(ink, 0, out=ink)


def _frame_ground(gray: Gray) -> Ink:
    light = gray[gray > otsu(gray)]
    return np.maximum(np.full((1, 1), median(light if light.size else gray), np.float32), 1)


def _ground(gray: Gray) -> Ink:
    """The paper alone: a smooth surface through a small copy's light pixels, above which its dark strokes are closed.

    Without the surface, paper that gets darker toward an edge would be taken for ink there.
    """
    small = _small(gray).astype(np.float32)
    surface = _surface(small)
    paper = closing(small / surface, round(WINDOW * max(small.shape)) | 1) * surface
    smooth = _resized(paper, (max(1, small.shape[1] // BLUR), max(1, small.shape[0] // BLUR)))
    return np.maximum(_resized(smooth, gray.shape[::-1]), 1)


def _surface(small: Ink) -> Ink:
    """The quadratic surface that fits the lighter pixels best, float32 [height, width]."""
    down, across = (np.linspace(-1, 1, side, dtype=np.float32) for side in small.shape)
    y, x = np.repeat(down, len(across)), np.tile(across, len(down))
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y])
    weights, flat = np.ones_like(x), small.ravel()
    for _ in range(SURFACE_ROUNDS):
        weighted = terms * weights
        factors = np.linalg.solve(weighted @ terms.T + np.eye(len(terms), dtype=np.float32), weighted @ flat)
        fitted = factors @ terms
        apart = flat - fitted
        deviation = 1 + np.sqrt(weights @ apart**2 / weights.sum())
        weights = np.where(apart < -DARK * deviation, np.float32(LITTLE), np.float32(1))
    surface: Ink = np.maximum(fitted, 1).reshape(small.shape).astype(np.float32)
    return surface


def _small(gray: Gray) -> Gray:
    factor = max(1.0, max(gray.shape) / GROUND_SIDE)
    size = (max(1, round(gray.shape[1] / factor)), max(1, round(gray.shape[0] / factor)))
    return np.asarray(Image.fromarray(gray).resize(size, Image.Resampling.BOX))


def _resized(image: Ink, size: tuple[int, ...]) -> Ink:
    """The image with the `size` width, height: averaged if that is smaller, else smooth."""
    how = Image.Resampling.BOX if size[0] < image.shape[1] else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((size[0], size[1]), how))
