"""[TensorFlow, matplotlib] Draws a trained network's confusion matrix, wrong answers and feature maps."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.confusion import confusion
from edgecnn.data import Split
from edgecnn.folder import ModelFolder
from edgecnn.metrics import accuracy
from edgecnn.plots import drawing, filters
from edgecnn.plots.drawing import literal, percent, shortened
from edgecnn.plots.layout import PIXELS, Page, fitted

# The confusion matrix.
MOST_NUMBERED = 20  # classes: with more, the cells are too small for numbers
MOST_TICKS = 50  # labels along an axis
# Mistakes at the ends of the color scale: it begins below one mistake, and ends at ten or more.
FAINTEST, STRONGEST = 0.3, 10

# The wrong answers.
MOST_ERRORS = 60
ERROR_WIDTH, ERROR_HEIGHT = 2.0, 28 * 4 / drawing.DPI  # inches: a pixel of MNIST becomes 4 × 4 pixels
ONE_LINE = 9  # characters of both labels in a caption; longer captions take two lines


@drawing.plain_style()
def write(
    folder: ModelFolder,
    model: Any,
    split: Split,
    probabilities: NDArray[np.float32],
    labels: tuple[str, ...],
    title: str,
) -> None:
    """Write `confusion.png`, `errors.png` and `filters.png`.

    `model` is a keras.Model as networks.build makes it. `probabilities`, float32 [n, classes], are its answers for the
    n images of `split`. `labels` are the names of the classes. Raises OSError, and MissingDependencyError without
    matplotlib.
    """
    answers = probabilities.argmax(axis=1)
    _draw_confusion(folder.confusion, split, answers, labels, title)
    _draw_errors(folder.errors, split, probabilities, labels, title)
    filters.draw(folder.filters, model, split, answers, labels, title)


def _draw_confusion(path: Path, split: Split, answers: NDArray[np.int64], labels: tuple[str, ...], title: str) -> None:
    numbered = len(labels) <= MOST_NUMBERED
    figure = drawing.figure((8, 8) if numbered else (10, 9), "drawing the confusion matrix")
    axes = figure.subplots()
    axes.set_title(f"{literal(title)}: {accuracy(split.name, answers, split.labels)}", fontsize=11)
    axes.set(xlabel="answer", ylabel="true label")
    counts = confusion(answers, split.labels, labels).counts
    mistakes = _draw_cells(axes, counts)
    if numbered:
        _number_cells(axes, counts, mistakes.norm)
    else:
        bar = figure.colorbar(mistakes, ax=axes, label="images taken for another label", format="{x:g}", shrink=0.5)
        bar.ax.set_ylim(bottom=1)
    _name_ticks(axes, labels)
    drawing.save(figure, path)


def _draw_cells(axes: Any, counts: NDArray[np.int64]) -> Any:
    """Draw the diagonal in gray and mistakes on a logarithmic scale, so that a single mistake can be seen."""
    right = np.eye(len(counts), dtype=bool)
    axes.imshow(np.where(right, 1.0, np.nan), cmap="Greys", vmin=0, vmax=7)
    wrong = np.where(right | (counts == 0), np.nan, counts)
    most = int(counts[~right].max(initial=STRONGEST))
    return axes.imshow(wrong, cmap="Oranges", norm="log", vmin=FAINTEST, vmax=most)


def _number_cells(axes: Any, counts: NDArray[np.int64], norm: Any) -> None:
    style = {"ha": "center", "va": "center", "fontsize": min(10, 120 / len(counts))}
    for row, column in np.argwhere(counts):
        dark = row != column and norm(counts[row, column]) > 0.6
        axes.text(column, row, f"{counts[row, column]:,}", color="white" if dark else "black", **style)


def _name_ticks(axes: Any, labels: tuple[str, ...]) -> None:
    """Write the name of every class or, if there are many, of every second, third, … class."""
    ticks = range(0, len(labels), -(-len(labels) // MOST_TICKS))
    names = [shortened(labels[tick]) for tick in ticks]
    size = 10 if len(labels) <= MOST_NUMBERED else 7
    side_by_side = max(map(len, names)) * len(names) < 70
    axes.set_xticks(ticks, names, rotation=0 if side_by_side else 90, fontsize=size)
    axes.set_yticks(ticks, names, fontsize=size)
    if len(names) == len(labels):
        _rule(axes, len(labels))


def _rule(axes: Any, classes: int) -> None:
    """Draw lines between the cells."""
    axes.set_xticks(np.arange(0.5, classes - 1), minor=True)
    axes.set_yticks(np.arange(0.5, classes - 1), minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.5)
    axes.tick_params(which="minor", length=0)


def _draw_errors(
    path: Path, split: Split, probabilities: NDArray[np.float32], labels: tuple[str, ...], title: str
) -> None:
    """Draw the wrongly labeled images, the most confident mistakes first."""
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != split.labels)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_ERRORS]
    page = Page(f"{literal(title)}: {_summary(split, len(wrong), len(shown))}", "drawing the wrong answers")
    pairs = [(shortened(labels[split.labels[at]]), shortened(labels[answers[at]])) for at in shown]
    joint = " → " if max((len(a) + len(b) for a, b in pairs), default=0) <= ONE_LINE else " →\n"
    captions = [f"{joint.join(pair)}  {percent(confidence[at])}" for pair, at in zip(pairs, shown, strict=True)]
    page.images(split.images[shown], fitted(split.images[0], ERROR_WIDTH, ERROR_HEIGHT), PIXELS, captions)
    page.save(path)


def _summary(split: Split, wrong: int, shown: int) -> str:
    """The title, such as "60 of 105 wrong answers to 10,000 test images, the most confident first: label → answer"."""
    images = f"{len(split):,} {split.name} images"
    if not wrong:
        return f"no wrong answers to {images}"
    if wrong == 1:
        return f"1 wrong answer to {images}: label → answer"
    count = f"{shown} of {wrong:,}" if shown < wrong else f"{wrong}"
    return f"{count} wrong answers to {images}, the most confident first: label → answer"
