"""Formats a summary as tables for a terminal of any width. Pure: nothing is measured and nothing printed here."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edgecnn.bench.compare import Comparison
from edgecnn.bench.figures import Summary
from edgecnn.bench.reports.columns import CHANGE_HEADINGS, GROUPS, change_rows, columns, scenario_parts
from edgecnn.bench.reports.conditions import UNSTABLE
from edgecnn.bench.reports.numbers import NOTHING
from edgecnn.terminal import printable

if TYPE_CHECKING:
    from rich.table import Table

WIDEST = 10_000  # characters: more than any table takes
OF_WORDS = ("measured on", "verdict", "accuracy is")  # columns that are set left


def tables(summary: Summary, width: int) -> list["Table"]:
    """The figures as one rich table, or as several where one would be wider than `width` characters.

    Each has the contenders' names. Groups of columns stay together where they fit.
    """
    shown = columns(summary.rows)
    body = [[row.name, *(column.cell(row) or NOTHING for column in shown)] for row in summary.rows]
    groups = [[at for at, column in enumerate(shown, 1) if column.group == group] for group in GROUPS]
    found = parted(["contender", *(column.title for column in shown)], body, width, groups)
    for table in found:
        table.title = None if summary.bench.is_stable else UNSTABLE
    return found + [part for headings, body in scenario_parts(summary) for part in parted(headings, body, width)]


def comparison_tables(comparison: Comparison, width: int) -> list["Table"]:
    return parted(CHANGE_HEADINGS, change_rows(comparison), width, kept=2)


def width_of(table: "Table") -> int:
    """How many characters a table takes when nothing in it is cut short."""
    from rich.console import Console

    return Console(width=WIDEST).measure(table).maximum


def parted(
    headings: Sequence[str],
    body: Sequence[Sequence[str]],
    width: int,
    groups: Sequence[Sequence[int]] = (),
    kept: int = 1,
) -> list["Table"]:
    """The columns in as few tables as fit, in order; each table has the first `kept` ones, which name its rows."""

    def drawn(part: Sequence[int]) -> "Table":
        places = [*range(kept), *part]
        return _drawn([headings[at] for at in places], [[cells[at] for at in places] for cells in body], kept)

    def fits(part: Sequence[int]) -> bool:
        return width_of(drawn(part)) <= width

    parts: list[list[int]] = []
    for group in filter(None, groups or [range(kept, len(headings))]):
        if parts and fits([*parts[-1], *group]):
            parts[-1] += group
        else:
            parts += _pieces(group, fits)
    return [drawn(part) for part in parts]


def _pieces(group: Sequence[int], fits: Callable[[Sequence[int]], bool]) -> list[list[int]]:
    """The group whole, or in parts that fit; one column that does not fit stands alone."""
    pieces: list[list[int]] = [[]]
    for at in group:
        if pieces[-1] and not fits([*pieces[-1], at]):
            pieces.append([])
        pieces[-1].append(at)
    return pieces


def _drawn(headings: Sequence[str], body: Sequence[Sequence[str]], left: int) -> "Table":
    """A plain table whose first `left` columns, and those of words, are set left."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", title_style="bold", title_justify="left")
    for position, title in enumerate(headings):
        is_left = position < left or title in OF_WORDS
        drawn.add_column(title, justify="left" if is_left else "right", no_wrap=True)
    for cells in body:
        drawn.add_row(*(Text(printable(cell)) for cell in cells))  # a name may have what rich takes for markup
    return drawn
