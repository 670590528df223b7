"""The one record of how far long work has come, and the callback that receives it."""

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
