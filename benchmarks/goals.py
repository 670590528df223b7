"""What a goal is, and how goals are shown beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A goal, the figure measured for it, and whether that reaches it."""

    goal: str
    measured: str
    met: bool


def table(targets: Sequence[Target]) -> str:
    lines = ["| target | measured | met |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {t.goal} | {t.measured} | {'yes' if t.met else 'no'} |" for t in targets)]) + "\n"
