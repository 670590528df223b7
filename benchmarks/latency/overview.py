"""Draw accuracy against latency of TensorFlow, ONNX and LiteRT into docs/images/overview.png

Shows every committed run of the program peers: TensorFlow in its fastest way, onnxruntime with the float32 and the int8
file, LiteRT with int8. Takes seconds; nothing is measured.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.latency import peers
from benchmarks.lib import paths
from edgecnn.bench.figures import Row, Summary
from edgecnn.files import atomic
from edgecnn.recipes import RECIPES

PICTURE = paths.IMAGES / "overview.png"
SIZE, DPI = (7.8, 6.6), 150  # inches, and pixels per inch: shown 390 pixels wide, letters are 9 pixels high
LETTERS, EDGE = 13, 0.12  # points, and inches of margin, for pages of another color
LONGEST = 1000  # microseconds, the end of the axis
UNSTABLE_MARK = "*"


@dataclass(frozen=True)
class Series:
    """One way to run a network: how it is drawn, and a function that finds its row in a run."""

    title: str
    color: str
    marker: str
    row: Callable[[Sequence[Row]], Row | None]


@dataclass(frozen=True)
class Point:
    """A point: the latency in microseconds, and the accuracy with its 95 % interval in percent."""

    us: float
    accuracy: float
    low: float
    high: float


def _named(name: str) -> Callable[[Sequence[Row]], Row | None]:
    return lambda rows: next((row for row in rows if row.name == name), None)


def _fastest_tensorflow(rows: Sequence[Row]) -> Row | None:
    timed = [row for row in rows if row.runtime == "tensorflow" and row.p50_us is not None]
    return min(timed, key=lambda row: row.p50_us or 0, default=None)


SERIES = (
    Series("TensorFlow", "#d55e00", "s", _fastest_tensorflow),
    Series("ONNX float32", "#0072b2", "o", _named("onnx-float32")),
    Series("ONNX int8", "#009e73", "D", _named("onnx-int8")),
    Series("LiteRT int8", "#7f4f9e", "^", _named("litert-int8")),
)


def main(_: Sequence[str]) -> None:
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(peers.summaries(), PICTURE)
    print(PICTURE.relative_to(paths.ROOT))


def draw(runs: Mapping[str, Summary], picture: Path) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with rc_context({"font.size": LETTERS}):
        figure = Figure(figsize=SIZE, layout=ConstrainedLayoutEngine(w_pad=EDGE, h_pad=EDGE))
        axes = figure.subplots()
        for name, run in runs.items():
            _draw_network(axes, titled(name, run), dict(drawn(run.rows)))
        _label(axes)
        axes.set_xlabel(f"latency of one image, µs\n{conditions(runs)}")
        with atomic(picture) as path:
            figure.savefig(path, dpi=DPI)


def drawn(rows: Sequence[Row]) -> Iterator[tuple[Series, Point]]:
    """The points of a run that the picture shows."""
    for series in SERIES:
        row = series.row(rows)
        if row and row.p50_us and row.accuracy and row.accuracy_low and row.accuracy_high:
            share = (100 * value for value in (row.accuracy, row.accuracy_low, row.accuracy_high))
            yield series, Point(row.p50_us, *share)


def titled(name: str, run: Summary) -> str:
    """The network's name, with a mark if one of its drawn latencies is unreliable."""
    mark = UNSTABLE_MARK if concerns_drawn(run) else ""
    return f"{name} (ours){mark}" if RECIPES[name].ours else f"{name}{mark}"


def concerns_drawn(run: Summary) -> bool:
    """Whether a stability issue of the run concerns a contender in the picture, or all contenders."""
    shown = {row.name for series in SERIES if (row := series.row(run.rows))}
    every = {row.name for row in run.rows}
    named = [{name for name in every if name in issue.reason} for issue in run.bench.stability_issues]
    return any(not names or names & shown for names in named)


def conditions(runs: Mapping[str, Summary]) -> str:
    benches = [run.bench for run in runs.values()]
    images = max(row.images or 0 for run in runs.values() for row in run.rows)
    cpus = " and ".join(dict.fromkeys(bench.host.cpu or bench.host.machine for bench in benches))
    threads = max(bench.plan.threads for bench in benches)
    marked = f"; {UNSTABLE_MARK} unstable" if any(concerns_drawn(run) for run in runs.values()) else ""
    line = f"{cpus}, {threads} thread{'s' * (threads > 1)}, p50; bars: 95 %, {images:,} test images"
    return line + marked


def _draw_network(axes: Any, title: str, points: Mapping[Series, Point]) -> None:
    """Draw a line from the slowest way to the fastest, and the name at the right, beyond all bars."""
    found = list(points.values())
    axes.plot([p.us for p in found], [p.accuracy for p in found], color="#999999", linewidth=1, zorder=1)
    for series, point in points.items():
        bar = [[point.accuracy - point.low], [point.high - point.accuracy]]
        style = {"color": series.color, "fmt": series.marker, "markersize": 8, "capsize": 3}
        axes.errorbar(point.us, point.accuracy, bar, **style, elinewidth=1.2, label=series.title, zorder=2)
    slowest = max(found, key=lambda point: point.us)
    axes.plot([slowest.us, LONGEST], [slowest.accuracy] * 2, ":", color="#999999", linewidth=1, zorder=1)
    axes.annotate(title, (LONGEST, slowest.accuracy), (5, 0), textcoords="offset points", va="center", color="#222222")


def _label(axes: Any) -> None:
    from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullLocator

    axes.set(xscale="log", ylabel="test accuracy, %")
    axes.xaxis.set_major_locator(FixedLocator([10, 20, 50, 100, 200, 500, 1000]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.set_xlim(12, LONGEST)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=2, frameon=False)
