"""Shows networks by latency and error, in a table and a picture, and marks those on the Pareto front.

The candidates of the search are trained for a few epochs. Our recipes and the five reference recipes, trained in full,
are shown for comparison.
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
MARKER, GAP = 5, 2  # pixels: from a point's middle to its edge, and around a name
# Possible places of a name: its offset from the point, in typographic points, and its alignment.
PLACES = (((6, 4), "left"), ((6, -12), "left"), ((-6, 4), "right"), ((-6, -12), "right"), ((3, 9), "left"))
HEADINGS = (
    *("network", "trained", "parameters", "MACs", "float32, µs", "int8, µs"),
    *("validation accuracy (seeds)", "front"),
)


def points(found: dict[str, Any], epochs: int) -> list[Point]:
    """A point per network: group, name, size, latencies (`us` is the lower one), and each seed's validation error.

    `found` is the content of pareto.json, whose candidates were trained for `epochs` epochs. A network whose latency it
    lacks is left out.
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
        if name in found["latency"]
    ]


def timed(row: dict[str, Any]) -> Point:
    """A network's row with the median over its rounds; `us` is that of the faster file."""
    found = row | {file: statistics.median(row[file]) for file in FILES if file in row}
    return found | {"us": min(found[file] for file in FILES if file in row)}


def front(rows: Sequence[Point]) -> list[Point]:
    """The Pareto front: the points that no other beats in both latency and error, fastest first."""
    least, found = 1.0, []
    for row in sorted(rows, key=lambda row: (row["us"], error(row))):
        if error(row) < least:
            least = error(row)
            found.append(row)
    return found


def error(row: Point) -> float:
    return float(statistics.mean(row["errors"]))


def table(rows: Sequence[Point], host: str) -> str:
    """The points as a Markdown table, fastest first."""
    best = {id(row) for row in front(rows)}
    cells = [_cells(row, "yes" if id(row) in best else "") for row in sorted(rows, key=lambda row: row["us"])]
    said = "Validation accuracy: the search did not use the test images. MACs are counted after batch norm is folded."
    return markdown.table(HEADINGS, cells, [f"{said} {host}"], words=2)


def _cells(row: Point, is_best: str) -> list[str]:
    spread = f" ± {100 * statistics.stdev(row['errors']):.2f}" if len(row["errors"]) > 1 else ""
    times = [f"{row[file]:.1f}" for file in FILES]
    right = f"{1 - error(row):.2%}{spread} ({len(row['errors'])})"
    size = [f"{row['parameters']:,}", f"{row['macs'] / 1e6:.2f} M"]
    return [f"`{row['name']}`", row["group"], *size, *times, right, is_best]


def draw(rows: Sequence[Point], picture: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots()
    for marker, group in zip("os^", dict.fromkeys(row["group"] for row in rows), strict=False):
        members = [row for row in rows if row["group"] == group]
        sizes = [20 + row["parameters"] ** 0.5 / 8 for row in members]
        us, percent = zip(*map(place, members), strict=True)
        axes.scatter(us, percent, sizes, marker=marker, label=group)
    axes.plot(*zip(*map(place, front(rows)), strict=True), "--", color="gray", linewidth=1, label="front")
    _label(axes)
    write_names(axes, rows)
    with atomic(picture) as path:
        figure.savefig(path, dpi=110)


def _label(axes: Any) -> None:
    from matplotlib.ticker import FormatStrFormatter

    axes.set(
        xscale="log", yscale="log", title="Error against latency: no other network beats those on the front in both"
    )
    axes.set(xlabel="latency at batch 1, the faster of float32 and int8, µs", ylabel="validation error, %")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_formatter(FormatStrFormatter("%g"))
    axes.margins(x=0.12)  # so that the slowest network's name fits
    axes.grid(alpha=0.3, which="both")
    axes.legend()


def write_names(axes: Any, rows: Sequence[Point]) -> list[Any]:
    """Write each network's name beside its point, without covering another name or point. Returns the texts."""
    axes.figure.draw_without_rendering()  # from here on the axes do not move
    taken, texts = [box(*axes.transData.transform(place(row))) for row in rows], list[Any]()
    for row in rows:
        text = axes.annotate(row["name"], place(row), (0, 0), textcoords="offset points", fontsize=8)
        text.set_in_layout(False)
        taken.append(_put(text, taken))
        texts.append(text)
    return texts


def place(row: Point) -> tuple[float, float]:
    """The point's place in units of the axes: latency in µs and error in percent."""
    return row["us"], 100 * error(row)


def box(x: float, y: float) -> Any:
    """The box of pixels around a point."""
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(x - MARKER, y - MARKER, x + MARKER, y + MARKER)


def _put(text: Any, taken: Sequence[Any]) -> Any:
    """Move the text to the first free place of PLACES, or to the first place if none is free. Returns its box."""
    for offset, side in (*PLACES, PLACES[0]):
        text.set(position=offset, ha=side)
        extent = text.get_window_extent()
        if not any(extent.padded(GAP).overlaps(box) for box in taken):
            break
    return extent
