"""[TensorFlow] Fits a recipe's network to a data set, one complete and resumable epoch after another."""

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn import folder as folders
from edgecnn.data import Dataset, Split
from edgecnn.errors import TrainingInterrupted
from edgecnn.folder import Card, DataRecord, ModelFolder, TrainingRecord
from edgecnn.recipes import Recipe
from edgecnn.score import Accuracy, accuracy
from edgecnn.training import checkpoint, history, networks
from edgecnn.training.augment import distort
from edgecnn.training.backend import in_chunks, keras, tensorflow
from edgecnn.training.checkpoint import Run
from edgecnn.training.history import Epoch
from edgecnn.training.schedule import learning_rate

PURPOSE = "training"
NO_DECAY = ["bias", "gamma", "beta"]  # weight decay is for kernels


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step: epochs count from 1, `loss` is the epoch's mean so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    last: Epoch | None


@dataclass(frozen=True)
class Trained:
    """A finished training: its folder's card, its epochs, and the stale exports that it removed."""

    folder: ModelFolder
    card: Card
    epochs: tuple[Epoch, ...]
    removed: tuple[Path, ...]


def train(
    recipe: Recipe,
    dataset: Dataset,
    folder: ModelFolder,
    *,
    epochs: int | None = None,
    seed: int = 0,
    limit: int | None = None,
    resume: bool = False,
    tensorboard: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    summary: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train and write the model folder.

    `epochs` defaults to the recipe's own; `limit` is recorded (the data set has applied it). `summary` receives the
    network's description line by line. The same seed on the same machine gives the same weights, resumed or not.
    Raises MissingDependencyError, TrainingError for a checkpoint that does not fit, TrainingInterrupted on Ctrl-C, and
    OutputError.
    """
    tensorflow(PURPOSE)
    if not resume:  # a training to go on with has its folder already
        folder.prepare()
    run = Run(recipe.name, dataset.source, dataset.sha256, epochs or recipe.epochs, seed, limit)
    fitter = Fitter(recipe, dataset, run)
    fitter.model.summary(print_fn=lambda line, **_: summary(line))
    done = list(fitter.restore(folder)) if resume else []
    with history.tensorboard(tensorboard) as log:
        try:
            while len(done) < run.epochs:
                done.append(fitter.epoch(done, progress))
                checkpoint.save(folder, run, done, fitter.variables)
                log(done[-1])
        except KeyboardInterrupt:
            raise TrainingInterrupted(_interrupted(folder, run, len(done))) from None
    return fitter.finish(folder, tuple(done))


def _interrupted(folder: ModelFolder, run: Run, done: int) -> str:
    if not folder.checkpoint.exists():
        return f"stopped before the first epoch of {run.epochs} was complete; nothing was kept"
    return f"stopped; epoch {done} of {run.epochs} is kept in {folder.path}: add --resume to the command to go on"


class Fitter:
    """A network, its optimiser and its compiled steps; `epoch` moves them on by one."""

    def __init__(self, recipe: Recipe, dataset: Dataset, run: Run) -> None:
        tf = tensorflow(PURPOSE)
        tf.config.experimental.enable_op_determinism()
        keras(PURPOSE).utils.set_random_seed(run.seed)
        self.recipe, self.dataset, self.run = recipe, dataset, run
        self.model = networks.build(recipe, dataset.image_shape, len(dataset.labels))
        self.logits = networks.logits_of(self.model)
        self.optimizer = _optimizer(recipe)
        self.optimizer.build(self.logits.trainable_variables)
        images = tf.TensorSpec((None, *dataset.image_shape), tf.uint8)
        labels, rate = tf.TensorSpec((None,), tf.int64), tf.TensorSpec((), tf.float32)
        seed = tf.TensorSpec((2,), tf.int32)
        self.step = tf.function(self._step, input_signature=[images, labels, rate, seed])
        self.forward = tf.function(lambda x: self.logits(x, training=False), input_signature=[images])

    @property
    def variables(self) -> list[Any]:
        """All that changes while training: weights, dropout's random state, the optimiser's state."""
        return [*self.logits.variables, *self.optimizer.variables]

    def restore(self, folder: ModelFolder) -> tuple[Epoch, ...]:
        """Put back what the last complete epoch left. Raises TrainingError."""
        return checkpoint.load(folder, self.run, self.variables)

    def epoch(self, done: list[Epoch], progress: Callable[[Progress], None]) -> Epoch:
        """Fit every training image once, in an order drawn from seed and epoch, then score the validation images."""
        started, number = time.perf_counter(), len(done) + 1
        total_loss, correct, seen = 0.0, 0, 0
        batches = self._batches(number)
        for step, (images, labels) in enumerate(batches):
            seed = np.array([self.run.seed, (number - 1) * len(batches) + step], np.int32)
            loss, right = self.step(images, labels, np.float32(self._rate(number, step, len(batches))), seed)
            seen += len(labels)
            total_loss, correct = total_loss + float(loss) * len(labels), correct + int(right)
            last = done[-1] if done else None
            progress(Progress(number, self.run.epochs, step + 1, len(batches), total_loss / seen, last))
        validation_loss, validation = self._score(self.dataset.validation)
        return Epoch(
            number=number,
            learning_rate=self._rate(number, len(batches) - 1, len(batches)),
            loss=total_loss / seen,
            accuracy=correct / seen,
            validation_loss=validation_loss,
            validation_correct=validation.correct,
            validation_images=validation.images,
            seconds=time.perf_counter() - started,
        )

    def finish(self, folder: ModelFolder, done: tuple[Epoch, ...]) -> Trained:
        """Score the test images, once, and write the folder; exports of an earlier model no longer fit and go."""
        card = self._card(done)
        with folders.atomic(folder.keras) as path:
            self.model.save(path)
        removed = tuple(folder.onnx_files())
        for stale in removed:
            stale.unlink()
        history.write(folder, done, self.recipe.name)
        folder.write_card(card)
        folder.checkpoint.unlink(missing_ok=True)
        return Trained(folder, card, done, removed)

    def _step(self, images: Any, labels: Any, rate: Any, seed: Any) -> tuple[Any, Any]:
        tf = tensorflow(PURPOSE)
        if self.recipe.augmentation:
            images = distort(images, self.recipe.augmentation, seed)
        with tf.GradientTape() as tape:
            logits = self.logits(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        variables = self.logits.trainable_variables
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, tf.math.count_nonzero(tf.argmax(logits, axis=1) == labels)

    def _batches(self, number: int) -> "_Batches":
        order = np.random.default_rng((self.run.seed, number)).permutation(len(self.dataset.train))
        return _Batches(self.dataset.train, order, self.recipe.batch_size)

    def _rate(self, number: int, step: int, steps: int) -> float:
        at = (number - 1) * steps + step
        return learning_rate(self.recipe.schedule, self.recipe.learning_rate, at, self.run.epochs * steps)

    def _score(self, split: Split) -> tuple[float, Accuracy]:
        """Mean cross-entropy and accuracy over a split, in chunks."""
        logits = in_chunks(self.forward, split.images).astype(np.float64)
        peak = logits.max(axis=1)
        log_sum = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
        loss = float(np.mean(log_sum - logits[np.arange(len(split)), split.labels]))
        return loss, accuracy(split.name, logits.argmax(axis=1), split.labels)

    def _card(self, done: tuple[Epoch, ...]) -> Card:
        data, run = self.dataset, self.run
        return Card(
            name=self.recipe.name,
            labels=data.labels,
            input_shape=data.image_shape,
            input_dtype="uint8",
            parameters=self.model.count_params(),
            data=DataRecord(data.source, data.sha256, len(data.train), len(data.validation), len(data.test)),
            training=TrainingRecord(
                recipe=self.recipe.name,
                epochs=run.epochs,
                batch_size=self.recipe.batch_size,
                seed=run.seed,
                limit=run.limit,
                seconds=round(sum(epoch.seconds for epoch in done), 1),
                machine=f"{platform.system()} {platform.machine()}",
            ),
            validation=Accuracy("validation", done[-1].validation_correct, done[-1].validation_images),
            test=self._score(data.test)[1],
            versions=folders.versions("edgecnn", "tensorflow", "keras", "numpy"),
        )


@dataclass(frozen=True)
class _Batches:
    """One epoch's batches, gathered as they are needed."""

    split: Split
    order: NDArray[np.int64]
    size: int

    def __len__(self) -> int:
        return ceil(len(self.order) / self.size)

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        for start in range(0, len(self.order), self.size):
            chosen = self.order[start : start + self.size]
            yield self.split.images[chosen], self.split.labels[chosen]


def _optimizer(recipe: Recipe) -> Any:
    optimizers = keras(PURPOSE).optimizers
    if not recipe.weight_decay:
        return optimizers.Adam(recipe.learning_rate)
    optimizer = optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=NO_DECAY)
    return optimizer
