"""Finds the ink of a digit: which pixels are more than the paper's grain, and which of them a pen has made."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.imaging.extrema import dilated
from edgecnn.imaging.light import fills_frame
from edgecnn.imaging.lines import may_have_lines, without_lines
from edgecnn.imaging.medians import median
from edgecnn.imaging.parts import find_parts

Ink = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

LEAST = 0.05  # of the paper's light: what is fainter is not read
NOISE, SPREADS = 5, 3  # how many standard deviations of the grain, and of slow changes, are still paper
MEDIAN_TO_DEVIATION = 1.4826  # for a normal distribution
SAMPLES = 16_000  # pixels that the grain is measured on
STRONGEST = 0.0015  # the share of a picture that a digit's darkest pixels have at least
FAINT = 0.25  # of the ink's level: the edge of a stroke
SPECK = 0.05  # of the longer side: what is smaller does not tell how dark the pen is
PEN = 0.55  # of the ink's level: a pen's stroke where printed lines are fainter than that


def find_ink(ink: Ink) -> Mask:
    """Which pixels are a pen's strokes, bool [height, width], in ink that `light.ink_of` returned."""
    grain = paper_grain(ink)
    mask = _darker(ink, grain, level(ink, ink > grain))
    if fills_frame(ink) or not mask.any():
        return mask
    return _pen_strokes(ink, mask, grain) if may_have_lines(find_parts(mask), ink.shape) else mask


def level(ink: Ink, mask: Mask) -> float:
    """How dark the ink in the mask is where it is darkest; 0 without any."""
    values = ink[mask]
    count = max(1, min(len(values) // 4, int(STRONGEST * ink.size)))
    return float(np.partition(values, len(values) - count)[-count]) if values.size else 0.0


def paper_grain(ink: Ink) -> float:
    """The darkness up to which pixels are paper."""
    if fills_frame(ink):
        paper = ink[ink < (ink.min() + ink.max()) / 2]
        return max(LEAST, SPREADS * _deviation(paper - median(paper)) if paper.size else LEAST)
    step = max(1, int((ink.size / SAMPLES) ** 0.5))
    values = np.sort(ink[::step, ::step], axis=None)
    # As np.quantile, which imports numpy.ma: that takes as long as all else that predict does with a picture.
    low, middle = np.interp(np.multiply((0.16, 0.5), values.size - 1), np.arange(values.size), values)
    grain = _deviation(np.diff(ink[::step], axis=1)[:, ::step]) / 2**0.5
    return max(LEAST, NOISE * grain, SPREADS * float(middle - low))


def _deviation(apart: Ink) -> float:
    """The standard deviation around 0, by the median, which a few strokes do not change."""
    return MEDIAN_TO_DEVIATION * median(np.abs(apart)) if apart.size else 0.0


def _darker(ink: Ink, grain: float, darkest: float) -> Mask:
    return ink > max(grain, FAINT * darkest)


def _pen_strokes(ink: Ink, mask: Mask, grain: float) -> Mask:
    """The mask without printed lines, which may be fainter than the pen or darker, and without shadows.

    What is fainter than the pen and reaches the edge of the picture is cut a stroke's width from what is dark. Darker
    lines have hidden how faint the pen is, so its strokes are looked for again.
    """
    strokes = without_lines(mask, ink)
    lines, darkest = mask & ~strokes, _written_level(ink, strokes)
    if lines.any() and median(ink[lines]) > PEN * darkest:
        return without_lines(_darker(ink, grain, darkest), ink)
    dark = strokes & (ink > PEN * darkest)
    return strokes & dilated(dark, max(3, round(pen_width(dark)) | 1))


def _written_level(ink: Ink, strokes: Mask) -> float:
    """The level of the strokes that do not reach the edge of the picture, as remains of lines do, if there are any.

    The edge is reached by what hangs on faint remains, too. So the dark pixels alone are looked at first.
    """
    darkest = level(ink, strokes)
    for mask in (strokes & (ink > PEN * darkest), strokes):
        inner = _inner(mask)
        if inner.any():
            return level(ink, inner)
    return darkest


def _inner(mask: Mask) -> Mask:
    """The parts that do not reach the edge and are not specks."""
    parts, (height, width) = find_parts(mask), mask.shape
    size = np.maximum(parts.width, parts.height)
    return parts.mask(~parts.at_edge(mask.shape) & (size > SPECK * max(mask.shape)), (0, 0, width, height))


def pen_width(mask: Mask) -> float:
    """The mean width of the mask's strokes in pixels: twice their area over the length of their outlines."""
    outline = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    return 2 * np.count_nonzero(mask) / max(1.0, outline * np.pi / 4)
