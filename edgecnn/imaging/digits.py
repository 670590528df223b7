"""Finds the digits in a picture and brings each into MNIST's form: what a network trained on MNIST should see."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgecnn.imaging import grouping
from edgecnn.imaging.extrema import dilated
from edgecnn.imaging.form import has_form, in_form
from edgecnn.imaging.ink import find_ink, paper_grain
from edgecnn.imaging.light import Ink, fills_frame, has_dark_paper, ink_of
from edgecnn.imaging.medians import median
from edgecnn.imaging.parts import Parts, find_parts
from edgecnn.imaging.reading import is_blank

Gray = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]

# A digit that somebody stretched to a square, as some data sets have them, gets the width of most digits again.
STRETCHED = 0.75
FINER = 4  # times the pixels of such a digit, so that a quarter of its width can go
SOFT = 3  # pixels around a mask that belong to the soft edges of its strokes
# A digit on a sheet takes so much of the light, is so many times darker than the paper's grain, and has this size at
# least, of the longer side. It is also dark, or most of what was found.
# What is nearly all that was found is not grain if it takes half of the light.
FAINTEST, CLEAR, SMALLEST = 0.16, 2.5, 0.02
DARK, MOST = 0.35, 0.3
SOLID, NEARLY_ALL = 0.5, 0.9
RAGGED = 0.3  # edges by pixels of a mask: noise and pages of print have more, digits fewer
MOST_BESIDE, MOST_DIGITS = 30, 150  # digits beside the one that is asked for, and on a page of handwriting


@dataclass(frozen=True)
class Digit:
    """A digit in MNIST's form, uint8 [28, 28], and its box in the picture: left, top, right, bottom, in pixels."""

    image: Gray
    box: Box


@dataclass(frozen=True)
class Found:
    """The digits of a picture, and what they were found by, to show it: None where that step was not needed."""

    digits: tuple[Digit, ...]
    gray: Gray
    ink: Ink | None = None
    mask: Mask | None = None


def find_digits(gray: Gray, *, several: bool = False) -> Found:
    """Find the digit in a picture, uint8 [height, width], or with `several` all digits in the order of reading.

    There is none if the picture shows only paper, or nothing that strokes could have made. A picture of MNIST's own
    form is not changed.
    """
    if has_form(gray):
        return Found((Digit(gray, (0, 0, gray.shape[1], gray.shape[0])),), gray)
    if is_blank(gray):
        return Found((), gray)
    ink = ink_of(255 - gray if has_dark_paper(gray) else gray)
    mask = find_ink(ink)
    if not mask.any() or (_is_ragged(mask) and not fills_frame(gray)):
        return Found((), gray, ink, mask)
    parts = find_parts(mask)
    chosen = _chosen(parts, ink, several=several)
    share = sum(int(parts.area[digit].sum()) for digit in chosen) / parts.area.sum()
    written = [digit for digit in chosen if _is_written(ink, parts, digit, float(share))]
    return Found(tuple(_digit(ink, parts, digit) for digit in written), gray, ink, mask)


def _is_ragged(mask: Mask) -> bool:
    edges = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    return bool(edges > RAGGED * mask.size)


def _chosen(parts: Parts, ink: Ink, *, several: bool) -> list[Mask]:
    """The parts of each digit, or of the one with the most ink; none where there are too many for handwriting."""
    kept = grouping.strokes(parts, ink.shape, fills_frame=fills_frame(ink))
    if fills_frame(ink) and not several:
        return [kept]
    found = grouping.digits(parts, kept)
    if len(found) > (MOST_DIGITS if several else MOST_BESIDE):
        return []
    return grouping.in_order(parts, found) if several else [max(found, key=lambda digit: int(parts.area[digit].sum()))]


def _is_written(ink: Ink, parts: Parts, chosen: Mask, share: float) -> bool:
    """Whether a pen made it: folds and grain are small or faint, and remains of lines and of shadows are faint, too.

    `share` is what all chosen parts have of the mask.
    """
    if fills_frame(ink):
        return True
    left, top, right, bottom = box = parts.box(chosen)
    dark = median(ink[top:bottom, left:right][parts.mask(chosen, box)])
    whole = not parts.at_edge(ink.shape)[chosen].any()
    clear = min(CLEAR * paper_grain(ink), SOLID if whole and share > NEARLY_ALL else 1)
    if max(bottom - top, right - left) < SMALLEST * max(ink.shape) or dark < max(FAINTEST, clear):
        return False
    return dark > DARK or (whole and share > MOST)


def _digit(ink: Ink, parts: Parts, chosen: Mask) -> Digit:
    box = parts.box(chosen)
    left, top, right, bottom = box
    strokes = ink[top:bottom, left:right] * dilated(parts.mask(chosen, box), SOFT)
    if fills_frame(ink) and strokes.shape == ink.shape and right == bottom:
        strokes = _unstretched(strokes)
    return Digit(in_form(strokes), box)


def _unstretched(strokes: Ink) -> Ink:
    size = (round(strokes.shape[1] * FINER * STRETCHED), strokes.shape[0] * FINER)
    finer: Ink = np.asarray(Image.fromarray(strokes).resize(size, Image.Resampling.BICUBIC))
    return np.maximum(finer, 0)
