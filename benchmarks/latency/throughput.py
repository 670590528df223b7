"""Measure images a second in batches: [--duration S]

The shipped networks in onnxruntime, LiteRT and OpenVINO, float32 and int8, with one thread and with two, in the offline
scenario: each contender's best batch size counts. All contenders of a number of threads take turns in one run. Writes
benchmarks/results/throughput.json. Takes 10 minutes. Close other programs first.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result, update_result
from edgecnn.bench.measure import measure
from edgecnn.bench.pace import paces, throughput
from edgecnn.bench.results import Bench, Measurement, Plan
from edgecnn.folder import shipped
from edgecnn.host.machine import this_host

RESULTS = paths.RESULTS / "throughput.json"
RUNTIMES = ("onnxruntime", "litert", "openvino")
THREADS = (1, 2)
HEADINGS = ("network", "threads", "onnxruntime", "LiteRT", "OpenVINO", "ours ÷ the best of the others")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks throughput", description=__doc__)
    parser.add_argument("--duration", type=float, default=2.0, metavar="S", help="seconds of each contender")
    told = parser.parse_args(arguments)
    rows = [row for threads in THREADS for row in rows_of(run(threads, told.duration), threads)]
    host = this_host()
    update_result(RESULTS, host=str(host), versions=host.versions, rows=rows)
    print(table(), end="")


def run(threads: int, duration: float) -> Bench:
    return measure(shipped(), Plan(scenario="offline", threads=threads, duration=duration, rounds=6), runtimes=RUNTIMES)


def rows_of(bench: Bench, threads: int) -> list[Row]:
    """A row for each contender that was measured. An ONNX file's network is that of its folder."""
    return [_row(item, threads) for item in bench.measurements if paces(item)]


def _row(item: Measurement, threads: int) -> Row:
    batch = max({part.batch for part in item.rounds}, key=lambda size: throughput(item, size))
    contender = item.contender
    return {
        "network": contender.name.partition("/")[0],
        "threads": threads,
        "runtime": contender.runtime,
        "variant": contender.variant,
        "batch": batch,
        "images_a_second": round(throughput(item, batch)),
    }


def table() -> str:
    """The results in `throughput.json`, as a Markdown table."""
    found = read_result(RESULTS)
    rows: list[dict[str, Any]] = found["rows"]
    pairs = dict.fromkeys((row["network"], row["threads"]) for row in rows)
    cells = [
        _cells(name, threads, [row for row in rows if (row["network"], row["threads"]) == (name, threads)])
        for name, threads in pairs
    ]
    note = "Images a second at the best batch size, and the precision and that size. The fastest is bold."
    return markdown.table(HEADINGS, cells, [note, found["host"]], words=2)


def _cells(name: str, threads: int, rows: Sequence[Row]) -> list[str]:
    best = {
        runtime: max(its, key=_rate) for runtime in RUNTIMES if (its := [r for r in rows if r["runtime"] == runtime])
    }
    fastest = max(best.values(), key=_rate)
    others = [_rate(row) for runtime, row in best.items() if runtime != RUNTIMES[0]]
    told = [_told(best[runtime], best[runtime] is fastest) if runtime in best else "–" for runtime in RUNTIMES]
    ahead = f"{_rate(best[RUNTIMES[0]]) / max(others):.2f}" if others and RUNTIMES[0] in best else "–"
    return [f"`{name}`", str(threads), *told, ahead]


def _rate(row: Row) -> int:
    rate: int = row["images_a_second"]
    return rate


def _told(row: Row, is_fastest: bool) -> str:
    rate = f"{_rate(row):,}"
    return f"{f'**{rate}**' if is_fastest else rate} ({row['variant']}, {row['batch']})"
