"""[TensorFlow] The training stage: from a recipe and a data set to a model folder, resumable after every epoch."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn.card import Card, DataRecord, Epoch, TrainingRecord, versions
from edgecnn.data import Dataset
from edgecnn.errors import TrainingDiverged, TrainingError, TrainingInterrupted
from edgecnn.folder import ModelFolder
from edgecnn.metrics import Accuracy, Confusion, confusion
from edgecnn.plots import pictures
from edgecnn.progress import OnProgress, ignore
from edgecnn.recipes import Recipe
from edgecnn.training import checkpoint, history, temperature_scaling
from edgecnn.training.backend import tensorflow
from edgecnn.training.checkpoint import Run
from edgecnn.training.trainer import PURPOSE, Trainer, log_softmax, mean_cross_entropy


@dataclass(frozen=True)
class Trained:
    """A finished training: the folder's card, the epochs, which labels are confused, and the stale exports removed."""

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
    """Train and write the model folder.

    `epochs` defaults to the recipe's own, and is always a whole schedule; `limit` is recorded (the data set has applied
    it); without `augment` the images are taken as they are. `summary` receives the network's description line by line.
    The same seed on the same machine gives the same weights, resumed or not. Raises MissingDependencyError,
    TrainingError for no epochs or a checkpoint that does not fit, TrainingDiverged, TrainingInterrupted on Ctrl-C, and
    OutputError.
    """
    if epochs is not None and epochs < 1:
        raise TrainingError(f"{epochs} epochs train nothing: give 1 or more")
    tensorflow(PURPOSE)
    if not resume:  # a training to go on with has its folder already
        folder.prepare()
    run = Run(recipe.name, dataset.name, dataset.sha256, epochs or recipe.epochs, seed, limit, augment)
    trainer = Trainer(recipe, dataset, run)
    trainer.model.summary(print_fn=lambda line, **_: summary(line))
    done = list(trainer.restore(folder)) if resume else []
    with history.tensorboard(tensorboard) as log:
        try:
            while len(done) < run.epochs:
                done.append(trainer.epoch(done, progress))
                checkpoint.save(folder, run, done, trainer.variables)
                log(done[-1])
        except KeyboardInterrupt:
            raise TrainingInterrupted(_interrupted(folder, run, len(done))) from None
        except TrainingDiverged as error:
            raise TrainingDiverged(f"{error}: {_diverged(trainer, folder, done)}") from None
    return _finish(trainer, folder, tuple(done))


def _interrupted(folder: ModelFolder, run: Run, done: int) -> str:
    if not done:
        return f"stopped before the first epoch of {run.epochs} was complete; nothing was kept"
    return f"stopped; epoch {done} of {run.epochs} is kept in {folder.path}: add --resume to the command to go on"


def _diverged(trainer: Trainer, folder: ModelFolder, done: list[Epoch]) -> str:
    """Write the model of the last good epoch, if there is one, and say what was kept and what to do."""
    advice = "try another --seed, more images or another --recipe"
    if not done:
        return f"training diverged and nothing was kept; {advice}"
    trainer.restore(folder)
    _finish(trainer, folder, tuple(done))
    return f"training diverged; {folder.path} holds the model of epoch {len(done)}; {advice}"


def _finish(trainer: Trainer, folder: ModelFolder, done: tuple[Epoch, ...]) -> Trained:
    """Score the test images, once, and write the folder; exports of an earlier model no longer fit and go."""
    dataset, recipe = trainer.dataset, trainer.recipe
    model, divisor = trainer.finished(), _temperature(trainer)
    temperature_scaling.fold(model, divisor)
    logits = trainer.evaluate(dataset.test) / divisor
    answers = logits.argmax(axis=1)
    card = _card(trainer, done, divisor, mean_cross_entropy(logits, dataset.test)[1])
    with files.atomic(folder.keras) as path:
        model.save(path)
    removed = tuple(folder.onnx_files())
    for stale in removed:
        stale.unlink()
    history.write(folder, done, recipe.name)
    probabilities = np.exp(log_softmax(logits)).astype(np.float32)
    pictures.write(folder, model, dataset.test, probabilities, dataset.labels, recipe.name)
    folder.write_card(card)
    folder.checkpoint.unlink(missing_ok=True)
    return Trained(folder, card, done, confusion(answers, dataset.test.labels, dataset.labels), removed)


def _temperature(trainer: Trainer) -> float:
    """What to divide the logits by: 1 for a recipe that is to stay as its source has it."""
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
        ),
        validation=Accuracy("validation", done[-1].validation_correct, done[-1].validation_images),
        test=test,
        versions=versions("edgecnn", "tensorflow", "keras", "numpy"),
    )
