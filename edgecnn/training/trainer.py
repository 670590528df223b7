"""[TensorFlow] Trainer: trains a recipe's network epoch by epoch, with compiled steps on data in memory."""

import time
from collections.abc import Sequence
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.card import Epoch
from edgecnn.data import Dataset, Split
from edgecnn.errors import TrainingDiverged
from edgecnn.folder import ModelFolder
from edgecnn.metrics import Accuracy, accuracy
from edgecnn.progress import OnProgress, Progress
from edgecnn.recipes import Recipe
from edgecnn.training import checkpoint, distillation, handwriting, networks
from edgecnn.training.augment import augment
from edgecnn.training.backend import in_chunks, keep_freed_memory, keras, tensorflow
from edgecnn.training.checkpoint import Run
from edgecnn.training.schedule import learning_rate

PURPOSE = "training"
NO_DECAY = ["bias", "gamma", "beta"]  # weight decay is for kernels only

Floats = NDArray[np.float64]


class Trainer:
    """A network, its optimizer and its compiled steps. Each call of `epoch` trains one epoch."""

    def __init__(self, recipe: Recipe, dataset: Dataset, run: Run, teacher: Path | None = None) -> None:
        """`teacher` is the original of the model whose answers are learned beside the labels."""
        tf = tensorflow(PURPOSE)
        tf.config.experimental.enable_op_determinism()
        keep_freed_memory()
        keras(PURPOSE).utils.set_random_seed(run.seed)
        self.recipe, self.dataset, self.run = recipe, dataset, run
        form = (recipe, dataset.image_shape, len(dataset.labels))
        self.model = networks.build(*form)  # to save; `logits` trains instead, because its batch norm is faster
        self.logits = networks.logits_of(networks.build(*form, batch_norm=networks.fused_batch_norm()))
        self.loss = distillation.loss_with(teacher)
        self.optimizer = _optimizer(recipe)
        self.optimizer.build(self.logits.trainable_variables)
        self.images, self.labels = tf.constant(dataset.train.images), tf.constant(dataset.train.labels)
        self.are_digits = handwriting.are_digits(dataset.train.images, dataset.labels)
        self.batch_size = min(recipe.batch_size, len(dataset.train))
        positions, seed = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((2,), tf.int32)
        self.step = tf.function(
            self._step, input_signature=[positions, tf.TensorSpec((), tf.float32), seed], autograph=False
        )
        images = tf.TensorSpec((None, *dataset.image_shape), tf.uint8)
        self.forward = tf.function(lambda x: self.logits(x, training=False), input_signature=[images], autograph=False)

    @property
    def steps(self) -> int:
        """The number of steps in an epoch."""
        return ceil(len(self.dataset.train) / self.batch_size)

    @property
    def variables(self) -> list[Any]:
        """Everything that changes in training: weights, the random state of dropout, and the optimizer's state."""
        return [*self.logits.variables, *self.optimizer.variables]

    def restore(self, folder: ModelFolder) -> tuple[Epoch, ...]:
        """Restore the state after the last complete epoch, and return the epochs done. Raises TrainingError."""
        return checkpoint.load(folder, self.run, self.variables)

    def finished(self) -> Any:
        """The keras.Model with the trained weights, which consists of Keras's own layers only."""
        if self.recipe.fold_batch_norm:
            networks.fold_batch_norm(self.logits, self.model)
        else:
            self.model.set_weights(self.logits.get_weights())
        return self.model

    def epoch(self, done: Sequence[Epoch], progress: OnProgress) -> Epoch:
        """Train on every image once, in an order that depends on seed and epoch, then score the validation images.

        If the recipe says so, the last epoch recalibrates batch norm before it scores. `done` are the epochs before.
        Raises TrainingDiverged if a loss or a weight is NaN or infinite.
        """
        started, number = time.perf_counter(), len(done) + 1
        losses, correct = np.zeros(self.steps), 0
        batches = self._batches(number)
        for step, positions in enumerate(batches):
            losses[step], right = self._fit(positions, (number - 1) * self.steps + step)
            correct += right
            progress(self._progress(done, step + 1, float(losses[: step + 1].mean())))
        if self.recipe.recalibrate_batch_norm and number == self.run.epochs:
            self._recalibrate_batch_norm()
        validation_loss, validation = mean_cross_entropy(
            self.evaluate(self.dataset.validation), self.dataset.validation
        )
        if not isfinite(validation_loss):
            raise TrainingDiverged(f"the validation loss of epoch {number} is {validation_loss}")
        if not all(np.isfinite(variable).all() for variable in self.variables):
            raise TrainingDiverged(f"weights are not finite after epoch {number}")
        return Epoch(
            number=number,
            learning_rate=self._rate(number * self.steps - 1),
            loss=float(np.average(losses, weights=[len(positions) for positions in batches])),
            accuracy=correct / len(self.dataset.train),
            validation_loss=validation_loss,
            validation_correct=validation.correct,
            validation_images=validation.images,
            seconds=time.perf_counter() - started,
        )

    def _progress(self, done: Sequence[Epoch], step: int, loss: float) -> Progress:
        """The progress after a step of the epoch that follows those `done`. `loss` is its mean loss so far."""
        steps = self.run.epochs * self.steps
        validation = f"  validation {done[-1].validation_accuracy:.2%}" if done else ""
        doing = f"epoch {len(done) + 1} of {self.run.epochs}"
        return Progress(doing, len(done) * self.steps + step, steps, f"loss {loss:.4f}{validation}")

    def evaluate(self, split: Split) -> Floats:
        """The logits of a split's images, float64 [n, classes]."""
        return in_chunks(self.forward, split.images).astype(np.float64)

    def _fit(self, positions: NDArray[np.int32], step: int) -> tuple[float, int]:
        """Take one step on the images at `positions`. Returns their loss before it and the number of correct labels."""
        loss, right = self.step(positions, np.float32(self._rate(step)), np.array([self.run.seed, step], np.int32))
        if not isfinite(loss):
            epoch, at = divmod(step, self.steps)
            raise TrainingDiverged(f"the loss of step {at + 1} of epoch {epoch + 1} is {loss}")
        return float(loss), int(right)

    def _step(self, positions: Any, rate: Any, seed: Any) -> tuple[Any, Any]:
        """The body of the compiled step; `rate` is the learning rate."""
        tf = tensorflow(PURPOSE)
        images, labels = tf.gather(self.images, positions), tf.gather(self.labels, positions)
        if self.recipe.augmentation and self.run.augment:
            images = augment(images, self.recipe.augmentation, seed, labels if self.are_digits else None)
        with tf.GradientTape() as tape:
            logits = self.logits(images, training=True)
            loss = self.loss(labels, logits, images)
        variables = self.logits.trainable_variables
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, tf.math.count_nonzero(tf.argmax(logits, axis=1) == labels)

    def _recalibrate_batch_norm(self) -> None:
        """Set each statistic of batch norm to its mean over batches of all training images, which are not augmented."""
        tf = tensorflow(PURPOSE)
        norms = [layer for layer in self.logits.layers if isinstance(layer, keras(PURPOSE).layers.BatchNormalization)]
        statistics = [variable for norm in norms for variable in (norm.moving_mean, norm.moving_variance)]
        for norm in norms:
            norm.momentum = 0.0  # training is over: each batch now replaces the statistics of the one before

        def statistics_of(positions: Any) -> list[Any]:
            self.logits(tf.gather(self.images, positions), training=True)
            return [tf.convert_to_tensor(variable) for variable in statistics]

        of_batch = tf.function(statistics_of, input_signature=[tf.TensorSpec((None,), tf.int32)], autograph=False)
        batches = self._batches(0)
        taken, shares = [of_batch(positions) for positions in batches], [len(positions) for positions in batches]
        for variable, *values in zip(statistics, *taken, strict=True):
            variable.assign(np.average(values, axis=0, weights=shares))

    def _batches(self, number: int) -> list[NDArray[np.int32]]:
        """The positions of each batch's images in epoch `number`."""
        order = np.random.default_rng((self.run.seed, number)).permutation(len(self.dataset.train)).astype(np.int32)
        return [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]

    def _rate(self, step: int) -> float:
        return learning_rate(self.recipe.schedule, self.recipe.learning_rate, step, self.run.epochs * self.steps)


def mean_cross_entropy(logits: Floats, split: Split) -> tuple[float, Accuracy]:
    """The mean cross-entropy and the accuracy of logits, float64 [n, classes], for a split's images."""
    logs = log_softmax(logits)
    return float(-np.mean(logs[np.arange(len(split)), split.labels])), accuracy(
        split.name, logits.argmax(axis=1), split.labels
    )


def log_softmax(logits: Floats) -> Floats:
    """The logarithms of the probabilities of logits. Both are float64 [n, classes]."""
    below = logits - logits.max(axis=1, keepdims=True)
    logs: Floats = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return logs


def _optimizer(recipe: Recipe) -> Any:
    optimizers = keras(PURPOSE).optimizers
    if not recipe.weight_decay:
        return optimizers.Adam(recipe.learning_rate)
    optimizer = optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=NO_DECAY)
    return optimizer
