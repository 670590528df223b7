"""The networks of the search as points of latency and error: which are on the front, in a table and a picture.

Candidates have a short schedule; the recipes, ours and the five reference recipes, stand beside them as they are
trained in full.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.lib import markdown
from benchmarks.models import reference_recipes, seeds
from edgecnn.files import atomic

Point = dict[str, Any]
FILES = ("float32", "int8")
HEADINGS = (
    *("network", "trained", "parameters", "MACs", "float32, µs", "int8, µs"),
    *("validation accuracy (seeds)", "front"),
)


def points(found: dict[str, Any], epochs: int) -> list[Point]:
    """One for each network: group, name, size, latencies (`us` is the better), and each seed's validation error.

    `found` is what pareto.json holds; its candidates had `epochs`.
    """
    short = {
        name: [1 - run["correct"] / run["images"] for run in runs.values()] for name, runs in found["trainings"].items()
    }
    full = {name: [1 - row["validation"]["value"] for row in rows] for name, rows in seeds.by_recipe().items()}
    theirs = {row["recipe"]: [1 - row["validation"]["value"]] for row in reference_recipes.rows()}
    groups = {f"candidate, {epochs} epochs": short, "ours, in full": full, "reference, in full": theirs}
    return [
        {"group": group, "name": name, "errors": errors, **timed(found["latency"][name])}
        for group, rows in groups.items()
        for name, errors in rows.items()
    ]


def timed(row: dict[str, Any]) -> Point:
    """A network's row with the median of its rounds, and the better file's as `us`."""
    found = row | {file: statistics.median(row[file]) for file in FILES if file in row}
    return found | {"us": min(found[file] for file in FILES if file in row)}


def front(rows: Sequence[Point]) -> list[Point]:
    """Those that no other beats in latency and error at once, fastest first."""
    least, found = 1.0, []
    for row in sorted(rows, key=lambda row: (row["us"], error(row))):
        if error(row) < least:
            least = error(row)
            found.append(row)
    return found


def error(row: Point) -> float:
    return float(statistics.mean(row["errors"]))


def table(rows: Sequence[Point], host: str) -> str:
    """The points in Markdown, the fastest first."""
    best = {id(row) for row in front(rows)}
    cells = [_cells(row, "yes" if id(row) in best else "") for row in sorted(rows, key=lambda row: row["us"])]
    said = "Validation, not test: the search never looked at the test images. Batch norm is folded."
    return markdown.table(HEADINGS, cells, [f"{said} {host}"], words=2)


def _cells(row: Point, is_best: str) -> list[str]:
    spread = f" ± {100 * statistics.stdev(row['errors']):.2f}" if len(row["errors"]) > 1 else ""
    times = [f"{row[file]:.1f}" for file in FILES]
    right = f"{1 - error(row):.2%}{spread} ({len(row['errors'])})"
    size = [f"{row['parameters']:,}", f"{row['macs'] / 1e6:.2f} M"]
    return [f"`{row['name']}`", row["group"], *size, *times, right, is_best]


def draw(rows: Sequence[Point], picture: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import FormatStrFormatter

    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots()
    for marker, group in zip("os^", dict.fromkeys(row["group"] for row in rows), strict=False):
        members = [row for row in rows if row["group"] == group]
        sizes = [20 + row["parameters"] ** 0.5 / 8 for row in members]
        axes.scatter([r["us"] for r in members], [100 * error(r) for r in members], sizes, marker=marker, label=group)
        for row in members:
            axes.annotate(row["name"], (row["us"], 100 * error(row)), (5, 4), textcoords="offset points", fontsize=8)
    best = front(rows)
    axes.plot([r["us"] for r in best], [100 * error(r) for r in best], "--", color="gray", linewidth=1, label="front")
    axes.set(
        xscale="log", yscale="log", title="Error against latency: what no other network beats in both is the front"
    )
    axes.set(xlabel="latency at batch 1, the better of float32 and int8, µs", ylabel="validation error, %")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_formatter(FormatStrFormatter("%g"))
    axes.margins(x=0.12)  # the slowest network's name ends within
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    with atomic(picture) as path:
        figure.savefig(path, dpi=110)
