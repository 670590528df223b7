"""Rules that a run must not meet, as a CI gate states them: `onnx-int8.p90_us > 200`."""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

from edgecnn.bench.figures import Row
from edgecnn.errors import UsageError

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
# The last dot parts contender and figure, as a contender named by its file may have dots of its own.
GRAMMAR = re.compile(
    r"(?P<contender>\S.*)\.(?P<figure>\w+)\s*(?P<operator><=|>=|==|!=|<|>)\s*"
    r"(?P<bound>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?P<percent>\s*%)?",
    re.IGNORECASE,
)
FIGURES = tuple(field.name for field in fields(Row) if field.type in (float | None, int | None))
SHARES = ("accuracy", "accuracy_low", "accuracy_high", "agreement")  # figures from 0 to 1


@dataclass(frozen=True)
class Rule:
    """`contender.figure operator bound`; `text` is how it was written."""

    text: str
    contender: str
    figure: str
    operator: str
    bound: float


@dataclass(frozen=True)
class RuleHit:
    """A rule that a run met, and the figure it met it with."""

    rule: Rule
    value: float

    def __str__(self) -> str:
        return f"{self.rule.text}: {self.rule.contender}.{self.rule.figure} is {self.value:.6g}"


def parse(text: str) -> Rule:
    """Read one rule. Raises UsageError for another form or an unknown figure."""
    found = GRAMMAR.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"{text!r} is not a rule: write CONTENDER.FIGURE OPERATOR NUMBER, such as 'onnx-int8.p90_us > 200', "
            f"with one of {' '.join(OPERATORS)}"
        )
    if found["figure"] not in FIGURES:
        raise UsageError(f"{text!r} names a figure that the bench does not have: choose one of {', '.join(FIGURES)}")
    if found["percent"] and found["figure"] not in SHARES:
        raise UsageError(f"{text!r} gives a percentage, which only {', '.join(SHARES)} may have")
    bound = float(found["bound"]) / (100 if found["percent"] else 1)
    return Rule(text, found["contender"], found["figure"], found["operator"], bound)


def require_known(rules: Iterable[Rule], contenders: Sequence[str]) -> None:
    """Raises UsageError for a rule on a contender that is not measured."""
    for rule in rules:
        if rule.contender not in contenders:
            raise UsageError(
                f"{rule.text!r} names a contender that this run does not have: choose one of {', '.join(contenders)}"
            )


def held(rules: Iterable[Rule], rows: Sequence[Row]) -> tuple[RuleHit, ...]:
    """The rules that hold."""
    values = ((rule, getattr(row, rule.figure)) for rule, row in _with_rows(rules, rows))
    return tuple(
        RuleHit(rule, value)
        for rule, value in values
        if value is not None and OPERATORS[rule.operator](value, rule.bound)
    )


def unjudged(rules: Iterable[Rule], rows: Sequence[Row]) -> tuple[str, ...]:
    """Why rules can be said neither to hold nor not to: a sentence for each whose figure was not measured."""
    return tuple(
        f"{rule.text!r} cannot be judged, {rule.contender} has no {rule.figure}: "
        + (row.failure or "too few samples, or no data or scenario that has it")
        for rule, row in _with_rows(rules, rows)
        if getattr(row, rule.figure) is None
    )


def _with_rows(rules: Iterable[Rule], rows: Sequence[Row]) -> list[tuple[Rule, Row]]:
    by_name = {row.name: row for row in rows}
    return [(rule, by_name[rule.contender]) for rule in rules]
