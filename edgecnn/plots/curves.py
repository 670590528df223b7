"""[matplotlib] Draws the training curves: the loss and the accuracy of each epoch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.card import Epoch
from edgecnn.plots import drawing


@drawing.plain_style()
def draw(path: Path, epochs: Sequence[Epoch], title: str) -> None:
    """Draw the curves into a PNG file. Raises MissingDependencyError without matplotlib."""
    figure = drawing.figure((10, 4), "drawing the training curves")
    last = epochs[-1]
    figure.suptitle(f"{title}: {last.validation_accuracy:.2%} of the validation images after {last.number} epochs")
    loss, accuracy = figure.subplots(1, 2)
    _plot(loss, epochs, [epoch.loss for epoch in epochs], [epoch.validation_loss for epoch in epochs])
    _plot(accuracy, epochs, [epoch.accuracy for epoch in epochs], [epoch.validation_accuracy for epoch in epochs])
    _scale_loss(loss)
    _scale_accuracy(accuracy)
    drawing.save(figure, path)


def _plot(axes: Any, epochs: Sequence[Epoch], training: Sequence[float], validation: Sequence[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    numbers = [epoch.number for epoch in epochs]
    axes.plot(numbers, training, "o-", markersize=3, label="training")
    axes.plot(numbers, validation, "o-", markersize=3, label="validation")
    axes.set(xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()


def _scale_loss(axes: Any) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set(ylabel="cross-entropy loss", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _scale_accuracy(axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.set(ylabel="accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
