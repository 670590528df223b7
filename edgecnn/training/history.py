"""Writes the history of a training: a CSV file with one line for each epoch, curves, and TensorBoard logs."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from edgecnn.card import Epoch
from edgecnn.errors import OutputError
from edgecnn.files import prepare_folder
from edgecnn.folder import ModelFolder
from edgecnn.plots import curves
from edgecnn.training.backend import tensorflow


def write(folder: ModelFolder, epochs: Sequence[Epoch], title: str) -> None:
    """Write `history.csv` and `training.png`. Raises OSError, MissingDependencyError without matplotlib."""
    with folder.history.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, [field.name for field in fields(Epoch)])
        rows.writeheader()
        rows.writerows(asdict(epoch) for epoch in epochs)
    curves.draw(folder.curves, epochs, title)


@contextmanager
def tensorboard(directory: Path | None) -> Iterator[Callable[[Epoch], None]]:
    """Yield a function that logs an epoch for TensorBoard in `directory`, or does nothing if that is None.

    Raises OutputError if the folder cannot be written.
    """
    if directory is None:
        yield lambda _: None
        return
    tf = tensorflow("training")
    prepare_folder(directory)  # TensorFlow's own message would be long
    with _telling(directory):
        writer = tf.summary.create_file_writer(str(directory))

    def log(epoch: Epoch) -> None:
        scalars = asdict(epoch) | {"validation_accuracy": epoch.validation_accuracy}
        with _telling(directory), writer.as_default(step=scalars.pop("number")):
            for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds"):
                tf.summary.write(name, tf.constant(scalars[name], tf.float32), metadata=_scalar_metadata())
            writer.flush()

    try:
        yield log
    finally:
        with suppress(tf.errors.OpError):  # what was to be told has been told
            writer.close()


@contextmanager
def _telling(directory: Path) -> Iterator[None]:
    """Raise OutputError in the place of an error of the operating system or of TensorFlow."""
    try:
        yield
    except (OSError, tensorflow("training").errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise OutputError(f"cannot write TensorBoard logs to {directory}: {reason}; choose another folder") from None


def _scalar_metadata() -> Any:
    """The metadata that tf.summary.scalar writes. That function itself needs the tensorboard package."""
    metadata = tensorflow("training").compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR")
    metadata.plugin_data.plugin_name = "scalars"
    return metadata
