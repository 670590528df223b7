"""[TensorFlow] `train`: trains a recipe on a data set and writes the model folder. It can resume after every epoch."""

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import files
from edgecnn.card import Card, DataRecord, Epoch, TrainingRecord, versions
from edgecnn.confusion import Confusion, confusion
from edgecnn.data import Dataset
from edgecnn.errors import OutputError, TrainingDiverged, TrainingError, TrainingInterrupted
from edgecnn.folder import ModelFolder
from edgecnn.metrics import Accuracy
from edgecnn.plots import drawing, pictures
from edgecnn.processes import stopping
from edgecnn.progress import OnProgress, ignore
from edgecnn.recipes import Recipe
from edgecnn.training import checkpoint, distillation, history, temperature_scaling
from edgecnn.training.backend import tensorflow
from edgecnn.training.checkpoint import Run, digest
from edgecnn.training.trainer import PURPOSE, Floats, Trainer, log_softmax, mean_cross_entropy
from edgecnn.transaction import roll_forward

MOST_SEED = 2**32 - 1  # what NumPy's and Keras's global seeds take


@dataclass(frozen=True)
class Trained:
    """A finished training: the model folder, its card, the epochs, and the confusion matrix of the test images.

    `removed` are the ONNX files of an earlier model in the folder, which were deleted.
    """

    folder: ModelFolder
    card: Card
    epochs: tuple[Epoch, ...]
    confusion: Confusion
    removed: tuple[Path, ...]


def train(
    recipe: Recipe,
    dataset: Dataset,
    folder: ModelFolder,
    *,
    epochs: int | None = None,
    seed: int = 0,
    limit: int | None = None,
    augment: bool = True,
    resume: bool = False,
    tensorboard: Path | None = None,
    progress: OnProgress = ignore,
    summary: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train a recipe's network and write the model folder.

    `epochs` defaults to the recipe's number; the learning rate always goes through its whole schedule. `limit` is only
    recorded, because the data set has applied it already. If `augment` is False, the training images are not changed.
    With `resume`, an interrupted training continues. `tensorboard` is a folder for TensorBoard logs. `summary` receives
    the network's description line by line. The same seed on the same machine gives the same weights, resumed or not.

    Raises MissingDependencyError, TrainingError for fewer than 1 epoch, a seed out of range or a checkpoint that does
    not fit, TrainingDiverged, TrainingInterrupted on Ctrl-C, and OutputError. The folder changes in one step, when all
    of its new files are complete.
    """
    _require_possible(epochs, seed)
    roll_forward(folder.path)
    if not resume:  # an interrupted training has a folder already
        folder.prepare()
    teacher = distillation.teacher_for(recipe, dataset, limit)
    run = Run(
        recipe=recipe.name,
        dataset=dataset.name,
        data_sha256=dataset.sha256,
        epochs=epochs or recipe.epochs,
        seed=seed,
        limit=limit,
        augment=augment,
        recipe_sha256=digest(recipe),
        teacher_sha256=files.sha256(teacher) if teacher else "",
    )
    trainer = Trainer(recipe, dataset, run, teacher)
    trainer.model.summary(print_fn=lambda line, **_: summary(line))
    done = list(trainer.restore(folder)) if resume else []
    try:
        with history.tensorboard(tensorboard) as log:
            _train_epochs(trainer, folder, done, log, progress)
        return _finish(trainer, folder, tuple(done))
    except KeyboardInterrupt:
        raise TrainingInterrupted(_interrupted(folder, run, len(done))) from None
    except OutputError as error:
        raise OutputError(f"{error}{_resumable(folder)}") from None


def _require_possible(epochs: int | None, seed: int) -> None:
    """Check what can be checked before anything is made. Pictures are drawn last, but matplotlib is asked for now."""
    if epochs is not None and epochs < 1:
        raise TrainingError(f"cannot train for {epochs} epochs: give 1 or more")
    if not 0 <= seed <= MOST_SEED:
        raise TrainingError(f"cannot train with the seed {seed}: give 0 to {MOST_SEED}")
    tensorflow(PURPOSE)
    drawing.require(PURPOSE)


def _train_epochs(
    trainer: Trainer, folder: ModelFolder, done: list[Epoch], log: Callable[[Epoch], None], progress: OnProgress
) -> None:
    """Train the epochs that are not done yet, append them to `done`, and save a checkpoint after each."""
    run = trainer.run
    try:
        while len(done) < run.epochs:
            epoch = trainer.epoch(done, progress)
            checkpoint.save(folder, run, [*done, epoch], trainer.variables)
            done.append(epoch)
            stopping.keep(_interrupted(folder, run, len(done)))
            log(epoch)
    except TrainingDiverged as error:
        raise TrainingDiverged(f"{error}: {_diverged(trainer, folder, done)}") from None


def _interrupted(folder: ModelFolder, run: Run, done: int) -> str:
    """What was kept of an interrupted training, and how to continue it."""
    if not done:
        return f"stopped before the first epoch of {run.epochs} was complete; nothing was kept"
    if not folder.checkpoint.exists():
        return f"stopped after the last epoch; {folder.path} holds the complete model"
    return f"stopped; epoch {done} of {run.epochs} is kept in {folder.path}: add --resume to the command to continue"


def _resumable(folder: ModelFolder) -> str:
    return "; then add --resume to the command to continue" if folder.checkpoint.exists() else ""


def _diverged(trainer: Trainer, folder: ModelFolder, done: list[Epoch]) -> str:
    """Write the model of the last good epoch, if there is one. Return what was kept and what to do."""
    advice = "try another --seed, more images or another --recipe"
    if not done:
        return f"training diverged and nothing was kept; {advice}"
    trainer.restore(folder)
    _finish(trainer, folder, tuple(done))
    return f"training diverged; {folder.path} holds the model of epoch {len(done)}; {advice}"


def _finish(trainer: Trainer, folder: ModelFolder, done: tuple[Epoch, ...]) -> Trained:
    """Score the test images once, and replace the folder's files, in one step."""
    dataset = trainer.dataset
    model, divisor = trainer.finished(), _temperature(trainer)
    temperature_scaling.fold(model, divisor)
    logits = trainer.evaluate(dataset.test) / divisor
    card = _card(trainer, done, divisor, mean_cross_entropy(logits, dataset.test)[1])
    removed = tuple(folder.onnx_files())
    with folder.changing() as new:
        card = _write(new, model, card, done, logits, dataset)
        for outdated in (*removed, folder.checkpoint):
            new.remove(outdated)
    answers = confusion(logits.argmax(axis=1), dataset.test.labels, dataset.labels)
    return Trained(folder, card, done, answers, removed)


def _write(new: ModelFolder, model: Any, card: Card, done: tuple[Epoch, ...], logits: Floats, dataset: Dataset) -> Card:
    """Write the original, the history, the pictures and the card. Returns the card, which has the original's hash."""
    model.save(new.keras)
    history.write(new, done, card.name)
    probabilities = np.exp(log_softmax(logits)).astype(np.float32)
    pictures.write(new, model, dataset.test, probabilities, dataset.labels, card.name)
    card = replace(card, original_sha256=files.sha256(new.keras))
    new.write_card(card)
    return card


def _temperature(trainer: Trainer) -> float:
    """The divisor of the logits: 1 for a recipe without temperature scaling, as in its source."""
    validation = trainer.dataset.validation
    return (
        temperature_scaling.fitted(trainer.evaluate(validation), validation.labels)
        if trainer.recipe.temperature_scaling
        else 1.0
    )


def _card(trainer: Trainer, done: tuple[Epoch, ...], divisor: float, test: Accuracy) -> Card:
    data, run, recipe = trainer.dataset, trainer.run, trainer.recipe
    return Card(
        name=recipe.name,
        labels=data.labels,
        input_shape=data.image_shape,
        input_dtype="uint8",
        parameters=trainer.model.count_params(),
        data=DataRecord(data.name, data.sha256, len(data.train), len(data.validation), len(data.test)),
        training=TrainingRecord(
            recipe=recipe.name,
            epochs=len(done),
            batch_size=trainer.batch_size,
            seed=run.seed,
            limit=run.limit,
            seconds=round(sum(epoch.seconds for epoch in done), 1),
            machine=f"{platform.system()} {platform.machine()}",
            augmented=bool(recipe.augmentation) and run.augment,
            temperature=round(divisor, 4),
            teacher=recipe.teacher or "" if run.teacher_sha256 else "",
        ),
        validation=Accuracy("validation", done[-1].validation_correct, done[-1].validation_images),
        test=test,
        versions=versions("edgecnn", "tensorflow", "keras", "numpy"),
    )
