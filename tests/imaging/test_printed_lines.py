"""Printed lines, shadows and noise are told from a pen's strokes, however much ink each of them has."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.imaging.digits import find_digits
from edgecnn.imaging.ink import find_ink
from edgecnn.imaging.light import has_dark_paper
from edgecnn.imaging.lines import without_lines

Light = NDArray[np.float32]
Mask = NDArray[np.bool_]

SHAPE = (360, 480)
DOWN, ACROSS = np.indices(SHAPE, np.float32)
PEN, LINE, BROKEN = np.float32(0.7), np.float32(0.3), np.float32(0.2)


def squares(degrees: float, spacing: int, thick: float = 1) -> Mask:
    """Squared paper that is turned."""
    angle = np.deg2rad(degrees)
    across, down = (np.cos(angle) * ACROSS + np.sin(angle) * DOWN, np.cos(angle) * DOWN - np.sin(angle) * ACROSS)
    return rules(down, spacing, thick) | rules(across, spacing, thick)


def rules(way: Light, spacing: int, thick: float) -> Mask:
    lines: Mask = np.abs((way + 40) % spacing - spacing / 2) <= thick
    return lines


def bar(top: int, bottom: int, lean: float = 0, thick: int = 12, left: int = 240) -> Mask:
    """A stroke as a one has it, which leans by `lean` columns a row."""
    inside: Mask = (np.abs(ACROSS - left - lean * (DOWN - 180)) <= thick) & (top <= DOWN) & (bottom > DOWN)
    return inside


def drawn(*layers: tuple[Mask, np.float32]) -> Light:
    """What each layer takes of the light."""
    ink = np.zeros(SHAPE, np.float32)
    for mask, dark in layers:
        ink[mask] = np.maximum(ink[mask], dark)
    return ink


def grain(deviation: float = 0.02) -> Light:
    return np.random.default_rng(0).normal(0, deviation, SHAPE).astype(np.float32)


def share_of(found: Mask, wanted: Mask) -> float:
    return float(np.count_nonzero(found & wanted) / np.count_nonzero(wanted))


@pytest.mark.parametrize("lean", [-0.3, 0.2, 0.35])
def test_a_thick_stroke_does_not_decide_how_the_lines_run(lean: float) -> None:
    lines, stroke = squares(7, 110), bar(60, 310, lean, thick=30)
    found = without_lines(lines | stroke, drawn((lines, LINE), (stroke, PEN)))
    assert share_of(found, stroke) > 0.99
    assert share_of(found, lines & ~stroke) < 0.1


@pytest.mark.parametrize("thick", [8, 12, 20])
def test_a_stroke_along_a_line_stays_and_the_line_goes(thick: int) -> None:
    """The stroke has more pixels than its line, and may make it look too thick for a line."""
    line, stroke = np.abs(ACROSS - 240) <= 1, bar(60, 200, thick=thick)
    found = without_lines(line | stroke, drawn((line, LINE), (stroke, PEN)))
    assert share_of(found, stroke) > 0.95
    assert share_of(found, line & ~stroke) < 0.1


def test_lines_that_grain_has_broken_are_no_strokes() -> None:
    lines, stroke = squares(4, 90), bar(80, 280, 0.2)
    ink = drawn((lines, BROKEN), (stroke, PEN)) + grain()
    found = find_ink(np.maximum(ink, 0))
    assert share_of(found, stroke) > 0.99
    assert share_of(found, lines & ~bar(60, 300, 0.2, thick=30)) < 0.02


def test_a_shadow_that_touches_a_stroke_is_cut_from_it() -> None:
    stroke, way = bar(80, 280, 0.2), ACROSS - DOWN
    shade = np.float32(0.25) * np.exp(-(((way - 60) / 40) ** 2))
    ink = np.maximum(drawn((stroke, PEN)), shade) + grain()
    found = find_ink(np.maximum(ink, 0))
    assert share_of(found, stroke) > 0.99
    assert np.count_nonzero(found & ~bar(60, 300, 0.2, thick=36)) < 50


def test_a_strip_in_the_light_is_not_ink_on_dark_paper() -> None:
    light = np.clip(0.6 + 0.4 * (ACROSS - 420) / 40, 0.6, 1)
    gray = (light * (1 - drawn((bar(100, 260, 0.2, thick=8), PEN))) * 230).astype(np.uint8)
    assert not has_dark_paper(gray)
    assert has_dark_paper(255 - gray)


def test_a_dark_digit_is_read_in_strong_noise() -> None:
    light = 0.9 * (1 - drawn((bar(80, 280, 0.2, thick=16), np.float32(0.55)))) + grain(0.07)
    (digit,) = find_digits(np.clip(light * 255, 0, 255).astype(np.uint8)).digits
    left, top, right, bottom = digit.box
    assert 190 < left < right < 300
    assert 70 < top < bottom < 290
