"""What a goal is, and how goals are shown beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A goal, the figure measured for it, and whether that reaches it."""

    goal: str
    measured: str
    met: bool


def unmeasured(goal: str) -> Target:
    """A goal for which there is no figure yet: it counts as not reached."""
    return Target(goal, "not measured", False)


def table(targets: Sequence[Target]) -> str:
    lines = ["| target | measured | met |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {t.goal} | {t.measured} | {'yes' if t.met else 'no'} |" for t in targets)]) + "\n"
