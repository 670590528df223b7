"""[TensorFlow, matplotlib] Draws a network's first kernels and the feature maps of one image."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.data import Split
from edgecnn.plots.drawing import literal, shortened
from edgecnn.plots.feature_maps import View, first_kernels, views
from edgecnn.plots.layout import GAP, INNER_WIDTH, PIXELS, Page, Scale, fitted, magnitude

MOST_KERNELS = 64
MOST_CHANNELS = 16  # of a layer that are shown, in one row
MOST_BARS = 10
MOST_UNITS = 256  # of a dense layer in one line

# Inches.
TILE = (INNER_WIDTH - (MOST_CHANNELS - 1) * GAP) / MOST_CHANNELS
INPUT = 1.4
UNIT = 0.4


def draw(path: Path, model: Any, split: Split, answers: NDArray[np.int64], labels: tuple[str, ...], title: str) -> None:
    """Draw the first kernels of a keras.Model, and its feature maps for one image, into a PNG file.

    The image is the first of the split that the model labels correctly or, if there is none, the first. `answers`,
    int64 [n], are the model's labels for the split. `labels` are the names of the classes. Raises
    MissingDependencyError without matplotlib.
    """
    page = Page(f"{literal(title)}: what each layer computes from one image", "drawing the feature maps")
    kernels = first_kernels(model)
    if kernels is not None:
        _draw_kernels(page, kernels)
    chosen = int(np.argmax(answers == split.labels))  # the first True, or 0 if there is none
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
    """Draw a tile for each kernel: in color if it has three inputs, otherwise the mean of its inputs. 0 is gray."""
    height, width, inputs, count = kernels.shape
    if inputs != 3:
        kernels = kernels.mean(axis=2)
    limit = magnitude(kernels)
    scale = (-limit, limit)
    tiles = np.moveaxis(kernels, -1, 0)[:MOST_KERNELS]
    if inputs == 3:  # color images are drawn without a scale, each channel from 0 to 1
        tiles = np.clip(0.5 + np.nan_to_num(tiles) / (2 * limit), 0, 1)
    page.heading(f"first convolution: {count} kernels {height}×{width}", _note(len(tiles), count, "kernels", scale))
    page.images(tiles, fitted(tiles[0], TILE, TILE), scale)


def _draw_maps(page: Page, view: View) -> None:
    """Draw the first channels of a layer on one scale. It ignores the highest 1 %, which would make the rest dark."""
    channels = np.moveaxis(view.values, -1, 0)
    shown = channels[:MOST_CHANNELS]
    scale = _scale(shown, magnitude(shown, 99))
    page.heading(view.title, _note(len(shown), len(channels), "channels", scale))
    page.images(shown, fitted(shown[0], TILE, 2 * TILE), scale)


def _draw_strip(page: Page, view: View) -> None:
    """Draw a layer's units side by side: a few units with their values, many units in several lines."""
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
    """Draw a bar for each class or, if there are many, for the most probable ones."""
    order, note = np.arange(len(labels)), "blue: the label"
    if len(labels) > MOST_BARS:
        order = np.argsort(-view.values, kind="stable")[:MOST_BARS]
        note = f"the {MOST_BARS} most probable; {note}"
    page.heading(f"{view.title} probabilities", note)
    page.bars([shortened(labels[at]) for at in order], view.values[order], order == label)


def _scale(values: NDArray[np.float32], limit: float) -> Scale:
    """A scale from black at 0 to white at `limit`; with negative values, from black at -`limit`, and 0 is gray."""
    return (-limit if (values < 0).any() else 0, limit)


def _note(shown: int, there: int, what: str, scale: Scale) -> str:
    """A note such as "16 of 64 channels; black up to 0, white from 2.5"."""
    low, high = scale
    tones = f"black up to {_number(low)}, {'gray 0, ' * (low < 0)}white from {_number(high)}"
    return tones if shown == there else f"{shown} of {there} {what}; {tones}"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
