"""Formats a summary as Markdown tables. Pure: nothing is measured and nothing printed here."""

import re
from collections.abc import Sequence

from edgecnn.bench.compare import Comparison
from edgecnn.bench.figures import Summary
from edgecnn.bench.reports.columns import CHANGE_HEADINGS, change_rows, columns, scenario_parts
from edgecnn.bench.reports.conditions import UNSTABLE, comparison_notes, conditions
from edgecnn.bench.reports.numbers import NOTHING
from edgecnn.terminal import printable

# What a backslash makes a plain character: https://spec.commonmark.org/0.31.2/#backslash-escapes
ACTIVE = re.compile(r"[\\<`]|\](?=\()")


def to_markdown(summary: Summary, comparison: Comparison | None = None) -> str:
    """The figures as Markdown tables, the conditions below them."""
    shown = columns(summary.rows)
    body = [[row.name, *(column.cell(row) or NOTHING for column in shown)] for row in summary.rows]
    lines = [f"**{UNSTABLE}**", ""] if not summary.bench.is_stable else []
    lines += markdown_table(["contender", *(column.title for column in shown)], body)
    for headings, part in scenario_parts(summary):
        lines += ["", *markdown_table(headings, part)]
    lines += ["", *(f"{one_line(line)}  " for line in conditions(summary))]
    if comparison:
        lines += ["", *markdown_table(CHANGE_HEADINGS, change_rows(comparison)), ""]
        lines += [f"{one_line(line)}  " for line in comparison_notes(comparison)]
    return "\n".join(lines) + "\n"


def markdown_table(headings: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    cells = [[one_line(cell).replace("|", "\\|") for cell in row] for row in body]
    return [
        "| " + " | ".join(headings) + " |",
        "|---" + "|---:" * (len(headings) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in cells),
    ]


def one_line(text: str) -> str:
    """The text on one line, without links, HTML and code of its own: the names of folders are in it."""
    return ACTIVE.sub(r"\\\g<0>", printable(text))
