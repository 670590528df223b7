"""Defines the record with which long work reports its progress, and the callback that receives it."""

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
