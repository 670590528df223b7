"""Formats a summary as Markdown tables. Pure: nothing is measured and nothing printed here."""

from collections.abc import Sequence

from edgecnn.bench.compare import Comparison
from edgecnn.bench.figures import Summary
from edgecnn.bench.reports.columns import CHANGE_HEADINGS, change_rows, columns, scenario_parts
from edgecnn.bench.reports.conditions import UNSTABLE, comparison_notes, conditions
from edgecnn.bench.reports.numbers import NOTHING


def to_markdown(summary: Summary, comparison: Comparison | None = None) -> str:
    """The figures as Markdown tables, the conditions below them."""
    shown = columns(summary.rows)
    body = [[row.name, *(column.cell(row) or NOTHING for column in shown)] for row in summary.rows]
    lines = [f"**{UNSTABLE}**", ""] if not summary.bench.is_stable else []
    lines += _markdown_table(["contender", *(column.title for column in shown)], body)
    for headings, part in scenario_parts(summary):
        lines += ["", *_markdown_table(headings, part)]
    lines += ["", *(f"{line}  " for line in conditions(summary))]
    if comparison:
        lines += ["", *_markdown_table(CHANGE_HEADINGS, change_rows(comparison)), ""]
        lines += [f"{line}  " for line in comparison_notes(comparison)]
    return "\n".join(lines) + "\n"


def _markdown_table(headings: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in body]
    return [
        "| " + " | ".join(headings) + " |",
        "|---" + "|---:" * (len(headings) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in cells),
    ]
