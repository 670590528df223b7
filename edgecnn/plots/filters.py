"""[TensorFlow, matplotlib] A network as textbooks draw it: its first kernels, and an image's way through its layers."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.data import Split
from edgecnn.plots.drawing import literal, shortened
from edgecnn.plots.feature_maps import View, first_kernels, views
from edgecnn.plots.layout import GAP, INNER_WIDTH, PIXELS, Page, Scale, fitted, magnitude

MOST_KERNELS = 64
MOST_CHANNELS = 16  # of a layer: one row
MOST_BARS = 10
MOST_UNITS = 256  # of a dense layer, side by side

# Inches.
TILE = (INNER_WIDTH - (MOST_CHANNELS - 1) * GAP) / MOST_CHANNELS
INPUT = 1.4
UNIT = 0.4


def draw(path: Path, model: Any, split: Split, answers: NDArray[np.int64], labels: tuple[str, ...], title: str) -> None:
    """Draw `model`'s kernels and the way of the first image of `split` that it labels right, or else of the first.

    `answers` int64 [n] are its labels for the split. Raises MissingDependencyError.
    """
    page = Page(f"{literal(title)}: what each layer makes of an image", "drawing what the layers make of an image")
    kernels = first_kernels(model)
    if kernels is not None:
        _draw_kernels(page, kernels)
    chosen = int(np.argmax(answers == split.labels))  # the first that is True, or 0
    image, label = split.images[chosen], int(split.labels[chosen])
    shape = "×".join(map(str, image.shape))
    page.heading(f"input → {shape}", f"{split.name} image {chosen}, label {shortened(labels[label])}")
    page.images(image[None], fitted(image, 2 * INPUT, INPUT), PIXELS)
    *layers, last = views(model, image)
    for view in layers:
        (_draw_maps if view.values.ndim > 1 else _draw_strip)(page, view)
    _draw_probabilities(page, last, labels, label)
    page.save(path)


def _draw_kernels(page: Page, kernels: NDArray[np.float32]) -> None:
    """One tile a kernel: in color where it has three inputs, else its inputs' mean. What is 0 is gray."""
    height, width, inputs, count = kernels.shape
    if inputs != 3:
        kernels = kernels.mean(axis=2)
    limit = magnitude(kernels)
    scale = (-limit, limit)
    tiles = np.moveaxis(kernels, -1, 0)[:MOST_KERNELS]
    if inputs == 3:  # which is drawn as it stands, each color from 0 to 1
        tiles = np.clip(0.5 + np.nan_to_num(tiles) / (2 * limit), 0, 1)
    page.heading(f"first convolution: {count} kernels {height}×{width}", _note(len(tiles), count, "kernels", scale))
    page.images(tiles, fitted(tiles[0], TILE, TILE), scale)


def _draw_maps(page: Page, view: View) -> None:
    """The first channels of a layer, on one scale, whose end is not left to a few values: the rest would be dark."""
    channels = np.moveaxis(view.values, -1, 0)
    shown = channels[:MOST_CHANNELS]
    scale = _scale(shown, magnitude(shown, 99))
    page.heading(view.title, _note(len(shown), len(channels), "channels", scale))
    page.images(shown, fitted(shown[0], TILE, 2 * TILE), scale)


def _draw_strip(page: Page, view: View) -> None:
    """A layer's units side by side: few with their values, many in as many lines of one length as they need."""
    units, scale = view.values, _scale(view.values, magnitude(view.values))
    page.heading(view.title, _note(len(units), len(units), "units", scale))
    if len(units) <= MOST_CHANNELS:
        page.images(units[:, None, None], (UNIT, UNIT / 2), scale, [_number(unit) for unit in units])
        return
    lines = -(-len(units) // MOST_UNITS)
    columns = -(-len(units) // lines)
    strip = np.full(lines * columns, np.nan, np.float32)
    strip[: len(units)] = units
    page.images(strip.reshape(1, lines, columns), (min(columns * UNIT, INNER_WIDTH), lines * UNIT / 2), scale)


def _draw_probabilities(page: Page, view: View, labels: tuple[str, ...], label: int) -> None:
    """A bar for each class; of many classes only for the likeliest."""
    order, note = np.arange(len(labels)), "blue: the label"
    if len(labels) > MOST_BARS:
        order = np.argsort(-view.values, kind="stable")[:MOST_BARS]
        note = f"the {MOST_BARS} likeliest; {note}"
    page.heading(f"{view.title} probabilities", note)
    page.bars([shortened(labels[at]) for at in order], view.values[order], order == label)


def _scale(values: NDArray[np.float32], limit: float) -> Scale:
    """From black at 0 to white at `limit`; where there is less than 0, that is black and 0 gray."""
    return (-limit if (values < 0).any() else 0, limit)


def _note(shown: int, there: int, what: str, scale: Scale) -> str:
    """Such as "16 of 64 channels; black up to 0, white from 2.5"."""
    low, high = scale
    tones = f"black up to {_number(low)}, {'gray 0, ' * (low < 0)}white from {_number(high)}"
    return tones if shown == there else f"{shown} of {there} {what}; {tones}"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
