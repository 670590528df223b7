"""Formats a summary as CSV: plain numbers, for programs. Pure: nothing is measured and nothing printed here."""

import csv
import io
from dataclasses import asdict, fields

from edgecnn.bench.figures import Row, Summary
from edgecnn.terminal import as_text


def to_csv(summary: Summary) -> str:
    """One line a contender; the column names carry the units."""
    text = io.StringIO()
    names = [field.name for field in fields(Row) if field.name not in ("batches", "rates")]
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(map(_cells, summary.rows))
    return text.getvalue()


def _cells(row: Row) -> dict[str, object]:
    return {name: as_text(value) if isinstance(value, str) else value for name, value in asdict(row).items()}
