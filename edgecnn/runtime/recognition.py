"""Finds out how a model wants its pixels, by the log loss of its answers for labeled images.

Accuracy does not tell: the labels of a network of convolutions and ReLUs hardly change with the scale of its input.
Its probabilities do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.batches import batches
from edgecnn.data import Dataset, Split
from edgecnn.errors import ExportError
from edgecnn.preprocessing import NAMED, Preprocessing
from edgecnn.runtime.candidates import CENTERED, MOVED, around, candidates
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.scores import Scores, recognize, to_probabilities

IMAGES, SEED = (1000, 5000), 0  # validation images to judge by, more if the first do not decide
RUN_BYTES = 2**28  # of activations in a run
SURE = 3.0  # standard errors by which the best must lie ahead of any other
POWERS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)  # by which logits are multiplied to find out how sure a model should be
# Times another's loss, both so multiplied, and standard errors between them: where a model does better otherwise once
# it is as sure of itself as it should be, it may have been trained not to be sure, and its loss does not decide.
DOUBTFUL, DOUBT = 1.01, 1.0
LITTLE = 0.5  # of the log loss of guessing: a model above it has learned so little that it is not sure of anything
CLEAR = 1.1  # times its log loss that any other must have: a model that has learned little does as well with others
BETTER_THAN_CHANCE = 0.9  # of the log loss of guessing: a model above it has not learned these images
SAME = 0.01  # the mean difference of the true labels' probabilities below which two candidates do the same
LEAST = 1e-12  # a probability below it counts as this, so that one wrong answer does not decide alone
# By how much a way that is none of those tried must be ahead to show that all are wrong: in standard errors, and in
# shares of the loss.
PASSED_OVER = 4.0
MUCH_BETTER = {True: 0.95, False: 0.9}  # moved or stretched

Run = Callable[[NDArray[Any]], NDArray[np.floating]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recognized:
    """How a model wants its pixels and what its scores mean; `reason` says in a few words how that is known."""

    preprocessing: Preprocessing
    scores: Scores
    reason: str


@dataclass(frozen=True)
class _Candidate:
    """A preprocessing, with each image's log loss and the probability of its true label, float64 [n]."""

    name: str
    preprocessing: Preprocessing
    losses: Floats
    truths: Floats
    sharpened: Floats  # the losses if all logits are multiplied by what suits the candidate best

    def __str__(self) -> str:
        return self.name if self.name in NAMED else self.preprocessing.name

    @property
    def loss(self) -> float:
        return float(self.losses.mean())

    @property
    def twin(self) -> str:
        """What it shares with the candidate that differs only in the order of the channels."""
        return self.name.removesuffix(",bgr")

    def is_rival_of(self, best: "_Candidate") -> bool:
        """Whether it may be meant in place of the best: not its twin, and not what is rare and does no better."""
        return self.twin != best.twin and self.name not in CENTERED

    def differs_from(self, other: "_Candidate") -> bool:
        return float(np.abs(self.truths - other.truths).mean()) >= SAME

    def is_ahead_of(self, other: "_Candidate") -> bool:
        """Whether the other one is clearly worse, also beyond chance, or does the same."""
        is_clear = self.lead_over(other) > SURE and other.loss > CLEAR * self.loss
        return is_clear or not self.differs_from(other)

    def is_doubted_by(self, other: "_Candidate", chance: float) -> bool:
        """Whether the other one is better once both are as sure of themselves as suits them.

        Of a model that has learned little, whose log loss is not far below that of `chance`, it need only be as good.
        """
        mine, its = float(self.sharpened.mean()), float(other.sharpened.mean())
        if mine > LITTLE * chance:
            return its < DOUBTFUL * mine and self.differs_from(other)
        is_likely = _in_errors(self.sharpened - other.sharpened) > DOUBT
        return mine > DOUBTFUL * its and is_likely and self.differs_from(other)

    def lead_over(self, other: "_Candidate") -> float:
        """How much the other one is worse, in standard errors."""
        return _in_errors(other.losses - self.losses)

    def passes_over(self, best: "_Candidate") -> bool:
        """Whether it, a neighbor of the best one, shows that the best is not what the model was trained with.

        Training leaves the first layer's biases where the loss is least, so moved pixels do worse. Less contrast may do
        better, if a model is too sure of itself, but not much.
        """
        enough = MUCH_BETTER[self.name in MOVED] * best.loss
        return self.differs_from(best) and self.lead_over(best) > PASSED_OVER and self.loss < enough


def _in_errors(lead: Floats) -> float:
    """A mean, in its standard errors."""
    return float(lead.mean() / max(float(lead.std()), LEAST)) * sqrt(len(lead))


def choose(run: Run, spec: InputSpec, dataset: Dataset, name: str) -> Recognized:
    """Choose the preprocessing with the least log loss on validation images.

    `run` turns a prepared batch into scores, [n, outputs]; `spec` is the model's input, and messages call the model
    `name`. Raises ExportError if no candidate is better than guessing, if the best is not ahead of the others beyond
    chance, or if answers are clearly better still for pixels that are darker, lighter or of another contrast.
    """
    chance = log(len(dataset.labels))
    for images in IMAGES:
        sample = dataset.validation.sample(images, SEED)
        scores, judged = _tried(run, spec, dataset.train, sample)
        best = _best(judged)
        others = [item for item in judged if item.is_rival_of(best)]
        rivals = [item for item in others if best.is_doubted_by(item, chance) or not best.is_ahead_of(item)]
        if not rivals:
            break
    if not best.loss < BETTER_THAN_CHANCE * chance:
        raise ExportError(
            f"{name} answers no better than by chance for {dataset.name}, however its pixels are scaled: give the data "
            "that it was trained with by --data, or say how it wants its pixels by --preprocess"
        )
    if rivals:
        why = (
            " (was it trained with smoothed labels, or for a short time?)"
            if best.is_doubted_by(rivals[0], chance)
            else ""
        )
        raise ExportError(
            f"{name} may want its pixels as {best} or as {rivals[0]}: their log losses on {len(sample):,} images, "
            f"{best.loss:.3f} and {rivals[0].loss:.3f}, do not decide{why}; say which by --preprocess"
        )
    _require_best(run, spec, sample, best, scores, name)
    return Recognized(best.preprocessing, scores, _reason(best, judged, len(sample)))


def _require_best(run: Run, spec: InputSpec, sample: Split, best: _Candidate, scores: Scores, name: str) -> None:
    """Refuse a candidate that its neighbors beat: the model was trained with another than those that are tried."""
    for word, how in around(best.preprocessing).items():
        moved = _judged(word, how, _scores(run, replace(spec, preprocessing=how), sample), sample, scores)
        if moved.passes_over(best):
            raise ExportError(
                f"{name} answers best, of all usual ways to scale pixels, for {best}, but better still for {word} "
                f"pixels (log loss {moved.loss:.3f} instead of {best.loss:.3f}), so it was trained with another way: "
                "say which by --preprocess MEAN/STD"
            )


def _tried(run: Run, spec: InputSpec, train: Split, sample: Split) -> tuple[Scores, list[_Candidate]]:
    """What the model's scores mean, and every candidate judged."""
    tried = candidates(spec, train)
    values = {name: _scores(run, replace(spec, preprocessing=how), sample) for name, how in tried.items()}
    scores = recognize(np.concatenate(list(values.values())))  # all of them: the more, the surer
    return scores, [_judged(name, how, values[name], sample, scores) for name, how in tried.items()]


def _scores(run: Run, spec: InputSpec, sample: Split) -> NDArray[np.floating]:
    pieces = batches(sample.images, RUN_BYTES, IMAGES[0])
    return np.concatenate([run(spec.prepare(piece)) for piece in pieces])


def _judged(name: str, how: Preprocessing, values: NDArray[np.floating], sample: Split, scores: Scores) -> _Candidate:
    exact = np.nan_to_num(to_probabilities(values, scores).astype(np.float64), nan=0.0)
    truths = exact[np.arange(len(sample)), sample.labels]
    losses = -np.log(np.maximum(truths, LEAST))
    if scores == "independent":
        losses = losses - np.log(np.maximum(1 - _without(exact, sample.labels), LEAST)).sum(axis=1)
    sharpened = losses if scores == "independent" else _sharpened(exact, sample.labels)
    return _Candidate(name, how, losses, truths, sharpened)


def _sharpened(exact: Floats, labels: NDArray[np.int64]) -> Floats:
    """The losses of a model as sure of itself as suits the images best, in which smoothed labels leave no trace."""
    logits = np.log(np.maximum(exact, LEAST))
    powers = [np.exp(power * (logits - logits.max(axis=1, keepdims=True))) for power in POWERS]
    truths = [power[np.arange(len(labels)), labels] / power.sum(axis=1) for power in powers]
    return min((-np.log(np.maximum(truth, LEAST)) for truth in truths), key=lambda losses: float(losses.mean()))


def _without(values: Floats, labels: NDArray[np.int64]) -> Floats:
    """Each row without its label's column."""
    keep = np.ones(values.shape, bool)
    keep[np.arange(len(labels)), labels] = False
    return values[keep].reshape(len(labels), -1)


def _best(judged: list[_Candidate]) -> _Candidate:
    """The one with the least loss; red, green, blue unless the other order is ahead beyond chance, as it is usual."""
    best = min(judged, key=lambda item: item.loss)
    usual = next(item for item in judged if item.name == best.twin)
    return best if best.differs_from(usual) and best.is_ahead_of(usual) else usual


def _reason(best: _Candidate, judged: list[_Candidate], images: int) -> str:
    """How clearly the best is ahead, by the next one that does not do the same."""
    rivals = [item for item in judged if best.differs_from(item)]
    second = min(rivals, key=lambda item: item.loss, default=None)
    ahead = f", against {second.loss:.3f} for {second}" if second else ", and all others do the same"
    return f"log loss {best.loss:.3f} on {images:,} validation images{ahead}"
