"""Defines the record with which long work reports its progress, its callback, and an estimate of the time needed."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far long work has come: `done` of `steps` steps.

    `doing` says what happens now, and `figures` holds interim figures as text, such as the loss so far.
    """

    doing: str
    done: int = 0
    steps: int = 1
    figures: str = ""


OnProgress = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """Does nothing; for callers that do not want progress reports."""


class Estimate:
    """Estimates the time of long work. After `measured` steps, it calls `tell` once with the seconds of all steps.

    The first step is left out, because it also compiles what the other steps run.
    """

    def __init__(self, tell: Callable[[float], None], measured: int = 20) -> None:
        self._tell, self._measured = tell, measured
        self._first: tuple[int, float] | None = None

    def __call__(self, at: Progress) -> None:
        now = time.perf_counter()
        if self._first is None:
            self._first = at.done, now
        elif at.done == self._first[0] + self._measured:
            self._tell(at.steps * (now - self._first[1]) / self._measured)
