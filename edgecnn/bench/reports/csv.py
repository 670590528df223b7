"""Formats a summary as CSV: plain numbers, for programs. Pure: nothing is measured and nothing printed here."""

import csv
import io
from dataclasses import asdict, fields

from edgecnn.bench.figures import Row, Summary


def to_csv(summary: Summary) -> str:
    """One line a contender; the column names carry the units."""
    text = io.StringIO()
    names = [field.name for field in fields(Row) if field.name not in ("batches", "rates")]
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(map(asdict, summary.rows))
    return text.getvalue()
