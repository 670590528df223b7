"""Run the README's commands again and write what they print, and the measured tables, into it: make readme

    python benchmarks/readme.py [--tables | NAME ...]

Blocks between `<!-- run: COMMAND -->` and `<!-- end -->` hold a command's real output, run in README order in the empty
folder build/readme (a training, so a few minutes). Blocks after `<!-- table: NAME -->` come from benchmarks/results;
`--tables` writes these only. With NAMEs only the blocks of these names are written, in build/readme as it was left.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import ablation
import arm64
import harness
import pareto
import peers
import published
import quantization
import robustness
import seeds
import stored
import targets
import time_to_accuracy
import training_speed

from edgecnn.bench.reports import tables
from edgecnn.files import atomic

README = published.ROOT / "README.md"
WORK = published.ROOT / "build" / "readme"
BLOCK = re.compile(r"<!-- (run|table): (.*?) -->\n.*?<!-- end -->", re.DOTALL)
WIDTH = "100"
SHORT = ("p50 µs", "p90 µs", "speed-up, 95 %", "verdict", "accuracy, 95 %", "cold start ms", "peak MiB", "file kB")


def run(command: str) -> str:
    """A command and what it prints, as a console shows it."""
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
    """What makes help and tables come out the same everywhere."""
    return {"COLUMNS": WIDTH, "TERM": "dumb", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def table(name: str) -> str:
    tables: dict[str, Callable[[], str]] = {
        "ablation": ablation.table,
        "arm64": lambda: arm64.table(stored.read(arm64.RESULTS)),
        "bench-edge": lambda: bench_table("edge"),
        "bench-adventures": lambda: bench_table("adventures"),
        "harness": harness.table,
        "pareto": pareto.table,
        "peers": lambda: peers.table(peers.summaries()),
        "published": published_table,
        "quantization": quantization.table,
        "quantization-targets": targets.quantization_markdown,
        "recipe-targets": targets.recipe_markdown,
        "robustness": robustness.table,
        "seeds": seeds.table,
        "targets": targets.markdown,
        "time-to-accuracy": time_to_accuracy.table,
        "training-speed": training_speed.table,
    }
    return tables[name]()


def bench_table(name: str) -> str:
    """The columns of a committed run that matter most, and its conditions."""
    summary = peers.summaries()[name]
    columns = [column for column in tables.columns(summary.rows) if column.title in SHORT]
    lines = ["| contender | " + " | ".join(column.title for column in columns) + " |"]
    lines.append("|---" + "|---:" * len(columns) + "|")
    for row in summary.rows:
        lines.append("| " + " | ".join([row.name, *(column.cell(row) or tables.NOTHING for column in columns)]) + " |")
    return "\n".join([*lines, "", *(f"{line}  " for line in tables.conditions(summary))]) + "\n"


def published_table() -> str:
    """The recipes: what their sources claim, and what they reached here."""
    lines = [
        "| recipe | published | test accuracy here (95 %) | int8 | training | parameters |",
        "|---|---|---|---:|---:|---:|",
    ]
    for row in targets.results("published.json")["recipes"]:
        claims = "<br>".join(f"{item['accuracy']:.2%}, {item['source']}" for item in row["published"]) or "none stated"
        low, high = row["test"]["interval"]
        small = f"{row['int8']['accuracy']['value']:.2%}" if row["int8"] else "float32 pays more"
        lines.append(
            f"| `{row['recipe']}` | {claims} | {row['test']['value']:.2%} ({100 * low:.2f}–{100 * high:.2f}) "
            f"| {small} | {row['seconds']:.0f} s | {row['parameters']:,} |"
        )
    return "\n".join(lines) + "\n"


def block(kind: str, name: str) -> str:
    print(f"{kind}: {name}", flush=True)
    content = run(name) if kind == "run" else table(name)
    return f"<!-- {kind}: {name} -->\n{content}<!-- end -->"


def is_wanted(kind: str, name: str, arguments: Sequence[str]) -> bool:
    return not arguments or name in arguments or (kind == "table" and "--tables" in arguments)


def main(arguments: Sequence[str]) -> None:
    if not arguments:
        shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)

    def renewed(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return block(kind, name) if is_wanted(kind, name, arguments) else match.group()

    text = BLOCK.sub(renewed, README.read_text(encoding="utf-8"))
    with atomic(README) as path:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
