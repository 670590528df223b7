"""Formats a summary as CSV: plain numbers, for programs. Pure: nothing is measured and nothing printed here."""

import csv
import io
from dataclasses import asdict, fields

from edgecnn.bench.figures import Row, Summary

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # how a formula begins, in one spreadsheet or another


def to_csv(summary: Summary) -> str:
    """One line a contender; the column names carry the units."""
    text = io.StringIO()
    names = [field.name for field in fields(Row) if field.name not in ("batches", "rates")]
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(map(_cells, summary.rows))
    return text.getvalue()


def _cells(row: Row) -> dict[str, object]:
    """A row without formulas: a spreadsheet would compute a text that begins like one. An apostrophe makes it a text.

    The names of folders are in it, and these come from elsewhere: https://owasp.org/www-community/attacks/CSV_Injection
    """
    return {
        name: f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value
        for name, value in asdict(row).items()
    }
