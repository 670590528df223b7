"""The one record of how far long work has come, and the callback that receives it."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`done` of `steps`, and what is being `doing`; `figures` are worth a look meanwhile, such as the loss so far."""

    doing: str
    done: int = 0
    steps: int = 1
    figures: str = ""


OnProgress = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """For callers that do not ask how far the work has come."""


class Estimate:
    """Tells once, after `measured` steps, how many seconds all steps will take.

    The first step is left out of the measurement: it also compiles what the others run.
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
