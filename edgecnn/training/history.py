"""The record of a training: one Epoch each, as CSV, as curves, and as TensorBoard logs."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgecnn.errors import OutputError
from edgecnn.folder import ModelFolder, atomic
from edgecnn.training import drawing
from edgecnn.training.backend import tensorflow


@dataclass(frozen=True)
class Epoch:
    """One complete epoch: training figures are means over its (distorted) batches, `learning_rate` its last."""

    number: int
    learning_rate: float
    loss: float
    accuracy: float
    validation_loss: float
    validation_correct: int
    validation_images: int
    seconds: float

    @property
    def validation_accuracy(self) -> float:
        return self.validation_correct / self.validation_images


def write(folder: ModelFolder, epochs: Sequence[Epoch], title: str) -> None:
    """Write `history.csv` and `training.png`. Raises OutputError, MissingDependencyError without matplotlib."""
    with atomic(folder.history) as path, path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, [field.name for field in fields(Epoch)])
        rows.writeheader()
        rows.writerows(asdict(epoch) for epoch in epochs)
    with atomic(folder.curves) as path:
        _draw(path, epochs, title)


def _draw(path: Path, epochs: Sequence[Epoch], title: str) -> None:
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


@contextmanager
def tensorboard(directory: Path | None) -> Iterator[Callable[[Epoch], None]]:
    """Yield a function that logs an epoch for TensorBoard under `directory`, or does nothing where that is None."""
    if directory is None:
        yield lambda _: None
        return
    tf = tensorflow("training")
    try:
        writer = tf.summary.create_file_writer(str(directory))
    except (OSError, tf.errors.OpError) as error:
        raise OutputError(f"cannot write TensorBoard logs to {directory}: {error}; choose another folder") from None

    def log(epoch: Epoch) -> None:
        scalars = asdict(epoch) | {"validation_accuracy": epoch.validation_accuracy}
        with writer.as_default(step=scalars.pop("number")):
            for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds"):
                tf.summary.write(name, tf.constant(scalars[name], tf.float32), metadata=_scalar_metadata())
        writer.flush()

    try:
        yield log
    finally:
        writer.close()


def _scalar_metadata() -> Any:
    """What tf.summary.scalar would write; that function needs the tensorboard package, which only its viewer needs."""
    metadata = tensorflow("training").compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR")
    metadata.plugin_data.plugin_name = "scalars"
    return metadata
