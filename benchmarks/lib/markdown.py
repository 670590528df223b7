"""Writes Markdown tables, for all programs."""

from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = (), words: int = 1) -> str:
    """A table, with a line below it for each note. The first `words` columns are aligned left, the others right."""
    lines = [_line(headings), "|---" * words + "|---:" * (len(headings) - words) + "|", *map(_line, rows)]
    below = [f"{note}  " for note in notes]
    return "\n".join([*lines, "", *below] if below else lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
