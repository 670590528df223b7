"""Counts which labels were taken for which."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mistake:
    """A kind of mistake: `count` of the `of` images with the true label `label` got the label `answer`."""

    label: str
    answer: str
    count: int
    of: int

    @property
    def share(self) -> float:
        """The share of the label's images, 0 to 1."""
        return self.count / self.of

    def __str__(self) -> str:
        return f"{self.label} taken for {self.answer}: {self.count:,} of {self.of:,}"


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix.

    `counts` are int64 [classes, classes]: the number of images of each true label (row) that got each answer (column).
    `labels` are the names of the classes.
    """

    counts: NDArray[np.int64]
    labels: tuple[str, ...]

    def worst(self, count: int = 5) -> tuple[Mistake, ...]:
        """The most frequent kinds of mistake, at most `count`.

        Ties are sorted by share, then by the order of the labels.
        """
        wrong = np.argwhere((self.counts > 0) & ~np.eye(len(self.labels), dtype=bool))
        mistakes = [self._mistake(label, answer) for label, answer in wrong]
        return tuple(sorted(mistakes, key=lambda mistake: (-mistake.count, -mistake.share))[:count])

    def _mistake(self, label: int, answer: int) -> Mistake:
        row = self.counts[label]
        return Mistake(self.labels[label], self.labels[answer], int(row[answer]), int(row.sum()))


def confusion(answers: NDArray[np.int64], labels: NDArray[np.int64], names: tuple[str, ...]) -> Confusion:
    """Count `answers` against `labels`, both class indices, int64 [n]. `names` are the names of the classes."""
    cells = np.bincount(labels * len(names) + answers, minlength=len(names) ** 2)
    return Confusion(cells.reshape(len(names), len(names)).astype(np.int64), names)
