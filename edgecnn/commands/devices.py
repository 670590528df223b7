"""edgecnn bench with --cluster: many devices in one report."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgecnn import console, streams
from edgecnn.commands.options import STDOUT
from edgecnn.errors import OutputError
from edgecnn.files import atomic, require_writable
from edgecnn.processes import stopping
from edgecnn.progress_bar import progress_bar
from edgecnn.streams import put, say

if TYPE_CHECKING:
    from edgecnn.bench.devices import Device
    from edgecnn.cluster.bench import Outcome
    from edgecnn.cluster.job import Job

Format = Callable[[Sequence["Device"]], str]


def bench_on(address: str, job: "Job", fail_if: Sequence[str], wanted: Mapping[str, str], *, quiet: bool) -> None:
    """`wanted` are places of reports by format. Ends with 1 if a device failed, and else with 3 if a rule held."""
    from edgecnn.bench.rules import parse
    from edgecnn.cluster.bench import bench_devices
    from edgecnn.cluster.connection import connected

    for rule in fail_if:
        parse(rule)
    for place in wanted.values():
        if place != STDOUT:
            require_writable(Path(place))
    with connected(address) as cluster, progress_bar(quiet) as progress:
        outcome = bench_devices(cluster, job, fail_if, progress)
    unwritten = _write(outcome, wanted)
    try:
        _print(outcome, wanted)
    finally:
        _say(outcome, unwritten)
    complete = outcome.complete and not unwritten
    if not complete or outcome.held:
        raise typer.Exit(3 if complete else 1)


def _formats() -> dict[str, Format]:
    from edgecnn.bench.reports import devices, devices_html

    return {
        "json": devices.to_json,
        "csv": devices.to_csv_of_all,
        "markdown": devices.to_markdown,
        "html": devices_html.to_html,
    }


def _write(outcome: "Outcome", wanted: Mapping[str, str]) -> list[str]:
    """Write the reports that go to files. Returns why some were not written."""
    unwritten = []
    for kind, place in wanted.items():
        if place == STDOUT:
            continue
        try:
            with atomic(Path(place)) as temporary:
                temporary.write_text(_formats()[kind](outcome.devices), encoding="utf-8")
            stopping.wrote(Path(place))
        except OutputError as error:
            unwritten.append(str(error))
    return unwritten


def _print(outcome: "Outcome", wanted: Mapping[str, str]) -> None:
    from edgecnn.bench.reports.devices import notes, tables

    printed = [kind for kind, place in wanted.items() if place == STDOUT]
    for kind in printed:
        streams.print_data(_formats()[kind](outcome.devices))
    if not printed:
        console.print_tables(lambda width: tables(outcome.devices, width))
        for line in notes(outcome.devices):
            put(line)


def _say(outcome: "Outcome", unwritten: Sequence[str]) -> None:
    """Why the exit code is not 0, on stderr."""
    for device in outcome.devices:
        if device.failure:
            say(f"error: {device.name} failed: {device.failure}")
        for item in device.summary.bench.failures if device.summary else ():
            say(f"error: {device.name}: {item.contender.name} failed: {item.failure}")
    for line in (*outcome.unjudged, *unwritten):
        say(f"error: {line}")
    for line in outcome.held:
        say(f"rule held: {line}")
