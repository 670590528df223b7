"""[matplotlib] The curves of a training: loss and accuracy of each epoch."""

from collections.abc import Sequence
from pathlib import Path

from edgecnn.card import Epoch
from edgecnn.plots import drawing


def draw(path: Path, epochs: Sequence[Epoch], title: str) -> None:
    """Draw them into a file. Raises MissingDependencyError without matplotlib."""
    figure = drawing.figure((10, 4), "drawing the training curves")
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

    numbers = [epoch.number for epoch in epochs]
    figure.suptitle(
        f"{title}: {epochs[-1].validation_accuracy:.2%} of the validation images after {numbers[-1]} epochs"
    )
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(numbers, [epoch.loss for epoch in epochs], "o-", markersize=3, label="training")
    loss.plot(numbers, [epoch.validation_loss for epoch in epochs], "o-", markersize=3, label="validation")
    loss.set(ylabel="cross-entropy loss", yscale="log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    loss.yaxis.set_major_formatter("{x:g}")
    loss.yaxis.set_minor_formatter(NullFormatter())
    accuracy.plot(numbers, [epoch.accuracy for epoch in epochs], "o-", markersize=3, label="training")
    accuracy.plot(numbers, [epoch.validation_accuracy for epoch in epochs], "o-", markersize=3, label="validation")
    accuracy.set(ylabel="accuracy")
    accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    for axes in (loss, accuracy):
        axes.set(xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    drawing.save(figure, path)
