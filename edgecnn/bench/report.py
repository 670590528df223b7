"""Formats a Bench as table, JSON, CSV and Markdown. Pure: nothing is measured and nothing printed here."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bench.measure import Bench, Measurement
from edgecnn.bench.stats import Latency, summarise
from edgecnn.score import Accuracy, agreement

if TYPE_CHECKING:
    from rich.table import Table

NOTHING = "–"
WIDEST = 500  # characters: more than any table takes
HEADINGS: tuple[tuple[str, str], ...] = (
    ("contender", "left"),
    ("accuracy, 95 %", "right"),
    ("agrees", "right"),
    ("p50 µs", "right"),
    ("p90 µs", "right"),
    ("p99 µs", "right"),
    ("images/s", "right"),
    ("speed-up", "right"),
    ("init ms", "right"),
    ("first ms", "right"),
    ("peak MiB", "right"),
    ("file kB", "right"),
)
SPEED, COST = slice(1, 8), slice(8, None)  # columns, where all of them are too wide for a terminal


@dataclass(frozen=True)
class Row:
    """One contender's figures: `agreement` with the original, `speedup` of the p50 over the fastest TensorFlow way."""

    model: str
    contender: str
    file: str
    latency: Latency
    accuracy: Accuracy | None
    agreement: float | None
    speedup: float | None
    import_ms: float
    init_ms: float
    first_ms: float
    peak_mib: float
    file_bytes: int


def rows(bench: Bench) -> list[Row]:
    """Compute every figure from the raw samples."""
    return [_row(item, _originals(bench, item.contender.model), bench.batch) for item in bench.measurements]


def _originals(bench: Bench, model: str) -> list[Measurement]:
    return [item for item in bench.measurements if item.contender.is_tensorflow and item.contender.model == model]


def _row(item: Measurement, originals: list[Measurement], batch: int) -> Row:
    latency = summarise(item.rounds, batch)
    fastest = min((summarise(other.rounds, batch).p50_us for other in originals), default=None)
    file = item.contender.file
    return Row(
        model=item.contender.model,
        contender=item.contender.name,
        file=file.name,
        latency=latency,
        accuracy=item.accuracy,
        agreement=_agreement(item, originals),
        speedup=fastest / latency.p50_us if fastest else None,
        import_ms=item.import_ns / 1e6,
        init_ms=item.init_ns / 1e6,
        first_ms=item.first_ns / 1e6,
        peak_mib=item.peak_rss / 2**20,
        file_bytes=item.file_bytes,
    )


def _agreement(item: Measurement, originals: list[Measurement]) -> float | None:
    """With the last TensorFlow way, tf.function: the graph that was exported."""
    if not originals or item.answers is None or originals[-1].answers is None:
        return None
    return agreement(np.array(item.answers), np.array(originals[-1].answers))


def conditions(bench: Bench) -> list[str]:
    """What the figures hold for, and what to doubt in them: lines of text."""
    data = f"accuracy on the test images of {', '.join(bench.data)}" if bench.data else "noise for images, no accuracy"
    versions = ", ".join(f"{name} {version}" for name, version in bench.host.versions.items())
    samples = [row.latency.samples for row in rows(bench)]
    lines = [
        f"{bench.host}; {versions}",
        f"{bench.threads} thread{'s' if bench.threads > 1 else ''}, batch {bench.batch}, SingleStream, "
        f"{bench.duration:g} s a contender in {len(bench.measurements[0].rounds)} interleaved rounds "
        f"({min(samples):,} to {max(samples):,} queries); {data}",
    ]
    shaky = [row.contender for row in rows(bench) if not row.latency.is_stable]
    if shaky:
        lines.append(f"unstable: the rounds of {', '.join(shaky)} differ; let the machine rest and measure again")
    return lines + [f"missing: {note}" for note in bench.missing]


def tables(bench: Bench, width: int) -> list["Table"]:
    """The figures as one rich table, or as two where one would be wider than `width` characters."""
    whole = _table(bench, slice(1, None))
    return [whole] if width_of(whole) <= width else [_table(bench, SPEED), _table(bench, COST)]


def width_of(table: "Table") -> int:
    """How many characters a table takes when nothing in it is cut short."""
    from rich.console import Console

    return Console(width=WIDEST).measure(table).maximum


def _table(bench: Bench, columns: slice) -> "Table":
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for title, side in (HEADINGS[0], *HEADINGS[columns]):
        drawn.add_column(title, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in rows(bench):
        cells = _cells(bench, row)
        drawn.add_row(cells[0], *cells[columns])
    return drawn


def markdown(bench: Bench) -> str:
    """The figures as a Markdown table, the conditions below it."""
    lines = [
        "| " + " | ".join(title for title, _ in HEADINGS) + " |",
        "|" + "|".join("---" if side == "left" else "---:" for _, side in HEADINGS) + "|",
        *("| " + " | ".join(_cells(bench, row)) + " |" for row in rows(bench)),
        "",
        *(f"{line}  " for line in conditions(bench)),
    ]
    return "\n".join(lines) + "\n"


def to_csv(bench: Bench) -> str:
    """One line a contender; the column names carry the units."""
    text = io.StringIO()
    flat = [_flat(row) for row in rows(bench)]
    writer = csv.DictWriter(text, list(flat[0]))
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def to_json(bench: Bench) -> str:
    """Conditions, the same figures as the CSV's, and beneath each contender the raw samples they come from."""
    raw = [{"rounds_ns": item.rounds, "answers": item.answers} for item in bench.measurements]
    document = {
        "format": 1,
        "host": asdict(bench.host),
        "threads": bench.threads,
        "batch": bench.batch,
        "scenario": "SingleStream",
        "duration_s": bench.duration,
        "data": bench.data,
        "missing": bench.missing,
        "contenders": [{**_flat(row), **samples} for row, samples in zip(rows(bench), raw, strict=True)],
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def _flat(row: Row) -> Mapping[str, Any]:
    low, high = row.accuracy.interval if row.accuracy else (None, None)
    figures = {
        "accuracy": row.accuracy.value if row.accuracy else None,
        "accuracy_low": low,
        "accuracy_high": high,
        "images": row.accuracy.images if row.accuracy else None,
        "agreement": row.agreement,
        "p50_us": row.latency.p50_us,
        "p90_us": row.latency.p90_us,
        "p99_us": row.latency.p99_us,
        "throughput_ips": row.latency.throughput,
        "samples": row.latency.samples,
        "spread": row.latency.spread,
        "import_ms": row.import_ms,
        "init_ms": row.init_ms,
        "first_ms": row.first_ms,
        "peak_mib": row.peak_mib,
        "file_bytes": row.file_bytes,
        "speedup": row.speedup,
    }
    rounded = {key: round(value, 6) if isinstance(value, float) else value for key, value in figures.items()}
    return {"model": row.model, "contender": row.contender, "file": row.file, **rounded}


def _cells(bench: Bench, row: Row) -> list[str]:
    several = len({item.contender.model for item in bench.measurements}) > 1
    return [
        f"{row.model}: {row.contender}" if several else row.contender,
        _score(row.accuracy),
        f"{row.agreement:.2%}" if row.agreement is not None else NOTHING,
        _figure(row.latency.p50_us),
        _figure(row.latency.p90_us),
        _figure(row.latency.p99_us),
        f"{row.latency.throughput:,.0f}",
        _ratio(row.speedup),
        f"{row.init_ms:,.0f}",
        _figure(row.first_ms),
        f"{row.peak_mib:,.0f}",
        f"{row.file_bytes / 1000:,.0f}",
    ]


def _score(score: Accuracy | None) -> str:
    if score is None:
        return NOTHING
    low, high = score.interval
    return f"{score.value:.2%} ({100 * low:.2f}–{100 * high:.2f})"


def _ratio(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1f}×" if value >= 1 else f"{value:.2g}×"


def _figure(value: float) -> str:
    """Three digits are what a measurement here is worth."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
