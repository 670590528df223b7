"""Bench every runtime on `edge` and the reference recipes: [RECIPE ...]

Measures TensorFlow's four ways, onnxruntime, OpenVINO and LiteRT, with float32 and int8, as `edgecnn bench` does. Each
recipe's run is written to benchmarks/results/bench-<recipe>.json.gz, with its raw samples, and .md. bench-edge.png is a
screenshot of the HTML report of `edge`, made by Chromium (Debian: apt-get install chromium), and peers.md the table of
all recipes. A recipe that is not under build/trained/ yet is trained first. Two minutes per recipe. Close other
programs first.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_bytes, write_text
from benchmarks.models import reference_recipes
from edgecnn.bench import run
from edgecnn.bench.figures import Row, Summary, summarize
from edgecnn.bench.reports.columns import columns
from edgecnn.bench.reports.conditions import conditions
from edgecnn.bench.reports.document import read
from edgecnn.bench.reports.numbers import NOTHING, number
from edgecnn.bench.results import Bench
from edgecnn.folder import ModelFolder

NAMES = ("edge", *reference_recipes.NAMES)
PICTURED = "edge"  # the recipe whose HTML report gets a screenshot
SHORT = ("p50 µs", "p90 µs", "speed-up, 95 %", "verdict", "accuracy, 95 %", "cold start ms", "peak MiB", "file kB")


def main(names: Sequence[str]) -> None:
    os.chdir(paths.ROOT)  # so that the results name the models by relative paths
    for name in names or NAMES:
        folder = ModelFolder(paths.TRAINED.relative_to(paths.ROOT) / name)
        if not folder.onnx("int8").exists():
            reference_recipes.make(name)
        outcome = run.bench([folder.path])
        write_text(samples(name), run.report(outcome, "json"))
        run.write_report(outcome, "markdown", paths.RESULTS / f"bench-{name}.md")
        if name == PICTURED:
            photograph(run.report(outcome, "html"), paths.RESULTS / f"bench-{name}.png")
        print(f"== {name}\n{run.report(outcome, 'markdown')}", flush=True)
    write_text(paths.RESULTS / "peers.md", table())


def photograph(page: str, picture: Path) -> None:
    """Write a screenshot of the top of a page, made by Chromium, as a PNG file."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "page.html"
        file.write_text(page, encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,2555"]
        subprocess.run(
            ["chromium", *options, f"--screenshot={picture}", file.as_uri()], check=True, capture_output=True
        )


def samples(name: str) -> Path:
    """The file of a recipe's run, with all its samples."""
    return paths.RESULTS / f"bench-{name}.json.gz"


def summaries() -> dict[str, Summary]:
    """The committed runs, by recipe."""
    return {name: summarize(bench_of(name)) for name in NAMES if samples(name).exists()}


def bench_of(name: str) -> Bench:
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / samples(name).stem
        plain.write_bytes(read_bytes(samples(name)))
        return read(plain)


def table() -> str:
    """A Markdown table of p50 in µs: the fastest of each network is bold, and unstable runs are marked."""
    return table_of(summaries())


def table_of(runs: Mapping[str, Summary]) -> str:
    contenders = dict.fromkeys(row.name for run in runs.values() for row in run.rows)
    titles = [f"`{name}`{'' if run.bench.is_stable else ' (unstable)'}" for name, run in runs.items()]
    rows = [[contender, *(cell(run.rows, contender) for run in runs.values())] for contender in contenders]
    return markdown.table(["p50 µs", *titles], rows)


def bench_table(name: str) -> str:
    """The most important columns of a committed run, with its conditions, as a Markdown table."""
    summary = summarize(bench_of(name))
    shown = [column for column in columns(summary.rows) if column.title in SHORT]
    rows = [[row.name, *(column.cell(row) or NOTHING for column in shown)] for row in summary.rows]
    return markdown.table(["contender", *(column.title for column in shown)], rows, conditions(summary))


def cell(rows: Sequence[Row], contender: str) -> str:
    row = next((row for row in rows if row.name == contender), None)
    if row is None or row.p50_us is None:
        return "failed" if row else "–"
    fastest = min(other.p50_us for other in rows if other.p50_us is not None)
    return f"**{number(row.p50_us)}**" if row.p50_us == fastest else str(number(row.p50_us))
