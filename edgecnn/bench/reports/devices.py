"""Formats the runs of several devices: text, Markdown, CSV and JSON. Pure: nothing is measured and nothing printed."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgecnn.bench.devices import Choice, Device, contenders, front, row_of
from edgecnn.bench.reports.columns import COLUMNS, Column
from edgecnn.bench.reports.conditions import UNSTABLE, conditions
from edgecnn.bench.reports.csv import to_csv
from edgecnn.bench.reports.document import Document, document_of, encode
from edgecnn.bench.reports.markdown import markdown_table, one_line
from edgecnn.bench.reports.numbers import NOTHING, number, share
from edgecnn.bench.reports.tables import parted

if TYPE_CHECKING:
    from rich.table import Table

FORMAT: Literal[1] = 1
# What differs between devices; the rest is in CSV and JSON.
SHOWN = (
    *("p50 µs", "p90 µs", "p99 µs", "best batch", "queries/s", "images/s", "speed-up, 95 %", "accuracy, 95 %"),
    *("cold start ms", "peak MiB"),
)
FRONT_HEADINGS = ("Pareto front over devices", "device", "µs", "accuracy, 95 %")
NO_FRONT = "no Pareto front: nothing was both timed and scored"


@dataclass(frozen=True)
class DeviceDocument:
    """A device in JSON. `run` is what `edgecnn bench --json` writes on the device itself."""

    name: str
    address: str
    failure: str | None
    run: Document | None


@dataclass(frozen=True)
class DevicesDocument:
    """What `--json` writes with `--cluster`."""

    format: Literal[1]
    devices: tuple[DeviceDocument, ...]
    front: tuple[Choice, ...]


def to_json(devices: Sequence[Device]) -> str:
    """The runs as one line of JSON."""
    return encode(DevicesDocument(FORMAT, tuple(map(_document, devices)), front(devices)))


def _document(device: Device) -> DeviceDocument:
    run = document_of(device.summary) if device.summary else None
    return DeviceDocument(device.name, device.address, device.failure, run)


def to_csv_of_all(devices: Sequence[Device]) -> str:
    """One line for each contender of each device."""
    text = io.StringIO()
    writer = csv.writer(text)
    for device in devices:
        if device.summary:
            headings, *rows = csv.reader(io.StringIO(to_csv(device.summary)))
            if not text.tell():
                writer.writerow(["device", *headings])
            writer.writerows([device.name, *row] for row in rows)
    return text.getvalue()


def headings(devices: Sequence[Device]) -> list[str]:
    return ["figure", "contender", *(device.name for device in devices)]


def body(devices: Sequence[Device]) -> list[list[str]]:
    """A line for each figure of each contender, with a cell for each device."""
    rows = [row for device in devices for row in device.rows]
    shown = [column for column in COLUMNS if column.title in SHOWN and any(column.cell(row) for row in rows)]
    return [
        [column.title, name, *(_cell(column, device, name) for device in devices)]
        for column in shown
        for name in contenders(devices)
    ]


def _cell(column: Column, device: Device, contender: str) -> str:
    row = row_of(device, contender)
    if row and row.failure:
        return "failed"
    return (column.cell(row) if row else None) or NOTHING


def front_body(devices: Sequence[Device]) -> list[list[str]]:
    return [
        [
            choice.contender,
            choice.device,
            number(choice.time_us) or NOTHING,
            share(choice.accuracy_low, choice.accuracy, choice.accuracy_high) or NOTHING,
        ]
        for choice in front(devices)
    ]


def notes(devices: Sequence[Device]) -> Iterator[str]:
    """What each device's figures hold for, and why a device has none."""
    for device in devices:
        if device.failure:
            yield f"{device.name}: failed: {device.failure}"
        for line in conditions(device.summary) if device.summary else ():
            yield f"{device.name}: {line}"
    if not front(devices):
        yield NO_FRONT


def is_stable(devices: Sequence[Device]) -> bool:
    return all(device.summary.bench.is_stable for device in devices if device.summary)


def to_markdown(devices: Sequence[Device]) -> str:
    """The figures as Markdown tables, the conditions below them."""
    lines = [] if is_stable(devices) else [f"**{UNSTABLE}**", ""]
    if found := body(devices):
        lines += [*markdown_table(headings(devices), found), ""]
    if best := front_body(devices):
        lines += [*markdown_table(FRONT_HEADINGS, best), ""]
    return "\n".join([*lines, *(f"{one_line(line)}  " for line in notes(devices))]) + "\n"


def tables(devices: Sequence[Device], width: int) -> list["Table"]:
    """The same as rich tables of at most `width` characters, where they can be parted."""
    found: list[Table] = []
    if rows := body(devices):
        found += parted(headings(devices), rows, width, kept=2)
        found[0].title = None if is_stable(devices) else UNSTABLE
    if best := front_body(devices):
        found += parted(FRONT_HEADINGS, best, width, kept=2)
    return found
