"""Says which contender is the best on this machine, for each model of a run. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgecnn.bench.figures import Pair, Row, Summary
from edgecnn.bench.stats import Estimate, inverse, speed_verdict

LESS_ACCURATE = "less accurate"


@dataclass(frozen=True)
class Best:
    """The fastest contender of a model that is not shown to be less accurate than the others' reference.

    `ahead` is how many times faster it is than `next`, the second of these.
    """

    model: str
    name: str
    file: str
    next: str
    ahead: Estimate

    @property
    def is_shown(self) -> bool:
        """Whether it is shown to be faster, and not only seen to be."""
        return speed_verdict(self.ahead) == "faster"


def bests(summary: Summary) -> Iterator[Best]:
    """For each model of which two contenders or more were measured."""
    for model in dict.fromkeys(row.model for row in summary.rows):
        first, second = _fastest([row for row in summary.rows if row.model == model])
        ahead = _ahead(summary.pairs, first.name, second.name) if first and second else None
        if first and second and ahead:
            yield Best(model, first.name, first.file, second.name, ahead)


def _fastest(rows: Sequence[Row]) -> tuple[Row | None, Row | None]:
    fit = [row for row in rows if row.speedup and not row.failure and row.accuracy_verdict != LESS_ACCURATE]
    ordered = [*sorted(fit, key=lambda row: -(row.speedup or 0)), None, None]
    return ordered[0], ordered[1]


def _ahead(pairs: Sequence[Pair], first: str, second: str) -> Estimate | None:
    """How many times faster the first is than the second."""
    for pair in pairs:
        if (pair.first, pair.second) == (second, first):
            return pair.ratio
        if (pair.first, pair.second) == (first, second):
            return inverse(pair.ratio) if pair.ratio else None
    return None
