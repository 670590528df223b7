"""Bench every runtime on `edge` and every published recipe: python benchmarks/peers.py [RECIPE ...]

TensorFlow's four ways, onnxruntime, OpenVINO and LiteRT, float32 and int8, as `edgecnn bench` measures them. Each
recipe's run becomes benchmarks/results/bench-<recipe>.json, with raw samples, and .md; bench-edge.png is what Chromium
(Debian: apt-get install chromium) makes of the page of `edge`. peers.md is the table of all. A recipe that is not yet
under build/published/ is trained first. Two minutes a recipe, in which nothing else should run.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import published

from edgecnn.bench import run
from edgecnn.bench.figures import Row, Summary, summarize
from edgecnn.bench.reports.document import read
from edgecnn.bench.reports.tables import number
from edgecnn.files import atomic
from edgecnn.folder import ModelFolder

NAMES = ("edge", *published.NAMES)
PICTURED = "edge"  # the recipe whose page the README shows


def main(names: Sequence[str]) -> None:
    os.chdir(published.ROOT)  # so that the results name the models by paths that mean something elsewhere
    for name in names or NAMES:
        folder = ModelFolder(published.WORK.relative_to(published.ROOT) / name)
        if not folder.onnx("int8").exists():
            published.make(name)
        outcome = run.bench([folder.path])
        run.write_report(outcome, "json", published.RESULTS.with_name(f"bench-{name}.json"))
        run.write_report(outcome, "markdown", published.RESULTS.with_name(f"bench-{name}.md"))
        if name == PICTURED:
            photograph(run.report(outcome, "html"), published.RESULTS.with_name(f"bench-{name}.png"))
        print(f"== {name}\n{run.report(outcome, 'markdown')}", flush=True)
    with atomic(published.RESULTS.with_name("peers.md")) as path:
        path.write_text(table(summaries()), encoding="utf-8")


def photograph(page: str, picture: Path) -> None:
    """Have Chromium draw the top of a page as a PNG."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "page.html"
        file.write_text(page, encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,2650"]
        subprocess.run(
            ["chromium", *options, f"--screenshot={picture}", file.as_uri()], check=True, capture_output=True
        )


def summaries() -> dict[str, Summary]:
    """The committed runs by recipe."""
    files = {name: published.RESULTS.with_name(f"bench-{name}.json") for name in NAMES}
    return {name: summarize(read(path)) for name, path in files.items() if path.exists()}


def table(runs: dict[str, Summary]) -> str:
    """p50 in microseconds, the fastest of each network in bold, an unstable run marked."""
    contenders = list(dict.fromkeys(row.name for run in runs.values() for row in run.rows))
    titles = [f"`{name}`{'' if run.bench.is_stable else ' (unstable)'}" for name, run in runs.items()]
    lines = ["| p50 µs | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(runs)]
    for contender in contenders:
        cells = [cell(run.rows, contender) for run in runs.values()]
        lines.append(f"| {contender} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(rows: Sequence[Row], contender: str) -> str:
    row = next((row for row in rows if row.name == contender), None)
    if row is None or row.p50_us is None:
        return "failed" if row else "–"
    fastest = min(other.p50_us for other in rows if other.p50_us is not None)
    return f"**{number(row.p50_us)}**" if row.p50_us == fastest else str(number(row.p50_us))


if __name__ == "__main__":
    main(sys.argv[1:])
