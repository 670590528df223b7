"""Write command output and measured tables into README.md and docs/: [--tables | NAME ...]

A block between `<!-- run: COMMAND -->` and `<!-- end -->` holds the command's real output. A block after
`<!-- table: NAME -->` holds a table made from benchmarks/results. README.md comes first, then docs/*.md in the order of
their names. The commands run in this order in the folder build/docs, which is emptied first. One of them is a training,
so this takes a few minutes. With `--tables`, only the tables are written. With NAMEs, only the blocks with these names
are written, and build/docs is not emptied.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import fuzz, hostile_files, kills
from benchmarks.accuracy import outliers, pictures, robustness, sheet, web
from benchmarks.devices import arm64, install_size, instructions, layouts
from benchmarks.latency import at_a_glance, calls, harness, many_pictures, peers, quantization, serve, throughput
from benchmarks.lib import paths
from benchmarks.lib.results import write_text
from benchmarks.models import (
    ablation,
    applications,
    conversion_speed,
    memory,
    pareto,
    reference_recipes,
    seeds,
    third_party,
    time_to_accuracy,
    training_speed,
)

WORK = paths.BUILD / "docs"
BLOCK = re.compile(r"<!-- (run|table): (.*?) -->\n(.*?)<!-- end -->", re.DOTALL)
WIDTH = "100"
TABLES: Mapping[str, Callable[[], str]] = {
    "ablation": ablation.table,
    "applications": applications.table,
    "arm64": arm64.table,
    "at-a-glance": at_a_glance.table,
    **{f"bench-{name}": lambda name=name: peers.bench_table(name) for name in peers.NAMES},  # type: ignore[misc]
    "calls": calls.table,
    "conversion-speed": conversion_speed.table,
    "fuzz": fuzz.table,
    "harness": harness.table,
    "hostile-files": hostile_files.table,
    "install-size": install_size.table,
    "instructions": instructions.table,
    "layouts": layouts.table,
    "throughput": throughput.table,
    "kills": kills.table,
    "many-pictures": many_pictures.table,
    "memory": memory.table,
    "outliers": outliers.table,
    "pareto": pareto.table,
    "peers": peers.table,
    "pictures": pictures.table,
    "quantization": quantization.table,
    "reference-recipes": reference_recipes.table,
    "robustness": robustness.table,
    "seeds": seeds.table,
    "serve": serve.table,
    "sheet": sheet.table,
    "third-party": third_party.table,
    "third-party-quantized": third_party.quantized_table,
    "third-party-refused": third_party.refused_table,
    "time-to-accuracy": time_to_accuracy.table,
    "training-speed": training_speed.table,
    "web": web.table,
}


def main(arguments: Sequence[str]) -> None:
    if not arguments:
        shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(paths.ROOT / "examples", WORK / "examples", dirs_exist_ok=True)  # some commands use them
    for page in pages():
        renew(page, arguments)


def pages() -> list[Path]:
    """README.md and the pages of docs/, if they exist."""
    every = [paths.ROOT / "README.md", *sorted((paths.ROOT / "docs").glob("*.md"))]
    return [page for page in every if page.exists()]


def renew(page: Path, arguments: Sequence[str] = ()) -> None:
    """Write those blocks of a page again that the arguments select."""

    def renewed(match: re.Match[str]) -> str:
        kind, name, _ = match.groups()
        return block(kind, name) if is_wanted(kind, name, arguments) else match.group()

    before = page.read_text(encoding="utf-8")
    after = BLOCK.sub(renewed, before)
    if after != before:
        write_text(page, after)


def is_wanted(kind: str, name: str, arguments: Sequence[str]) -> bool:
    return not arguments or name in arguments or (kind == "table" and "--tables" in arguments)


def block(kind: str, name: str) -> str:
    print(f"{kind}: {name}", flush=True)
    content = run(name) if kind == "run" else table(name)
    return f"<!-- {kind}: {name} -->\n{content}<!-- end -->"


def table(name: str) -> str:
    """The table of that name, made from the committed results, in Markdown."""
    return TABLES[name]()


def run(command: str) -> str:
    """Run a command and return it with its output, as a Markdown console block."""
    done = subprocess.run(
        command,
        shell=True,
        cwd=WORK,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **plain_terminal()},
        check=False,
    )
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return "```console\n" + "\n".join([f"$ {command}", *lines]).rstrip() + "\n```\n"


def plain_terminal() -> dict[str, str]:
    """Environment variables that make help and tables look the same on every machine."""
    return {"COLUMNS": WIDTH, "TERM": "dumb", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
