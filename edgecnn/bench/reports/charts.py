"""Draws the page's charts: HTML boxes placed by percentages, so that text keeps its size on a phone. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

import numpy as np

BINS = 160
SMOOTHING = np.array([1, 2, 3, 4, 3, 2, 1]) / 16
MOST_TICKS = 5  # a phone has room for no more
NUMBER_WIDTH, LINE_HEIGHT = 4.5, 6.0  # of a number in a scatter, in per cent of the field on a phone
ABOVE_DOT, LINE, DOT = 4.2, 4.0, 3.8  # in per cent of the field: where a number stands, by how much it moves, its room
MARGIN = 0.04  # of an axis, beyond the values at either end


@dataclass(frozen=True)
class Axis:
    """A scale from `low` to `high`; `log` ones need values above 0. A `mirrored` one is of ratios."""

    low: float
    high: float
    log: bool
    mirrored: bool = False

    def at(self, value: float) -> float:
        """Where a value lies, in per cent; beyond the ends, at the end."""
        low, high, here = (log10(part) if self.log else part for part in (self.low, self.high, self._within(value)))
        return 100 * (here - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values within the scale."""
        found = _log_ticks(self.low, self.high) if self.log else []
        if self.mirrored:
            found = _ratio_ticks(self.low, self.high)
        return found if len(found) > 1 else _even_ticks(self.low, self.high)

    def _within(self, value: float) -> float:
        return min(max(value, self.low), self.high)


def axis(values: Sequence[float], *, log: bool = False, zero: bool = False, mirrored: bool = False) -> Axis:
    """A scale that holds all of `values` with some room; from 0 with `zero`."""
    low, high = min(values), max(values)
    if log:
        room = max((high / low) ** MARGIN, 1.05)
        return Axis(low / room, high * room, log=True, mirrored=mirrored)
    room = MARGIN * (high - low) or abs(high) * MARGIN or 1.0
    return Axis(0.0 if zero else low - room, high + room, log=False)


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, with their doubles and fives where those are few."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**power for power in powers for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= MOST_TICKS:
            return inside
    return inside[:: ceil(len(inside) / MOST_TICKS)]


def _ratio_ticks(low: float, high: float) -> list[float]:
    """Round numbers above 1, and below it what is 1 over a round number."""
    far = ceil(log10(max(high, 1 / low)))
    for steps in ((1, 2, 5), (1,)):
        above = [step * 10.0**power for power in range(far + 1) for step in steps]
        inside = [tick for tick in sorted({*above, *(1 / tick for tick in above)}) if low <= tick <= high]
        if len(inside) <= MOST_TICKS:
            return inside
    return inside[:: ceil(len(inside) / MOST_TICKS)]


def _even_ticks(low: float, high: float) -> list[float]:
    size = 10.0 ** floor(log10((high - low) / 2))
    step = next(size * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (size * factor) <= MOST_TICKS)
    first = ceil(low / step - 1e-9)
    return [round(step * at, 12) for at in range(first, floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Strip:
    """One line of a chart: a name, what is drawn (HTML), and the figure at its end. `kind` names its color."""

    name: str
    kind: str
    drawn: str
    figure: str


def chart(label: str, strips: Sequence[Strip], scale: Axis, unit: str) -> str:
    """Strips above a common axis; `label` says in words what is drawn."""
    lines = "".join(f'<i class="grid" style="left:{scale.at(tick):.2f}%"></i>' for tick in scale.ticks())
    rows = "".join(
        f'<div class="strip {escape(strip.kind)}"><b>{escape(strip.name)}</b>'
        f'<div class="plot">{lines}{strip.drawn}</div><span>{escape(strip.figure)}</span></div>'
        for strip in strips
    )
    written = _ratio if scale.mirrored else plain
    ticks = "".join(f'<i style="left:{scale.at(tick):.2f}%">{written(tick)}</i>' for tick in scale.ticks())
    foot = f'<div class="strip ticks"><b></b><div class="plot">{ticks}</div><span>{escape(unit)}</span></div>'
    return f'<div class="chart" role="img" aria-label="{escape(label)}">{rows}{foot}</div>'


def plain(value: float) -> str:
    """A tick's value without needless digits."""
    return f"{value / 1000:,.6g}k" if abs(value) >= 10_000 else f"{value:,.6g}"


def _ratio(value: float) -> str:
    """A ratio's tick, as many times slower on the left as faster on the right."""
    return f"{plain(max(value, 1 / value))}×"


def bar(scale: Axis, value: float, title: str, *, inner: float | None = None) -> str:
    """From the axis's start; `inner` is a second, darker one within."""
    parts = [f'<i class="bar" style="width:{scale.at(value):.2f}%" title="{escape(title)}"></i>']
    if inner is not None:
        parts.append(f'<i class="bar inner" style="width:{scale.at(inner):.2f}%" title="{escape(title)}"></i>')
    return "".join(parts)


def mark(scale: Axis, value: float, kind: str, title: str) -> str:
    """A tick or dot at a value: `kind` is p50, p90, p99, floor, one or dot."""
    return f'<i class="mark {kind}" style="left:{scale.at(value):.2f}%" title="{escape(title)}"></i>'


def whisker(scale: Axis, low: float, high: float, title: str) -> str:
    """A line from one end of an interval to the other."""
    left, right = scale.at(low), scale.at(high)
    return f'<i class="whisker" style="left:{left:.2f}%;width:{right - left:.2f}%" title="{escape(title)}"></i>'


def density(scale: Axis, values: Sequence[float], title: str) -> str:
    """The distribution of `values` over the axis, the highest point at the top."""
    heights = density_of(scale, values)
    points = " ".join(
        f"{1000 * (at + 0.5) / BINS:.0f},{100 - 96 * height:.1f}" for at, height in enumerate(heights) if height > 0.002
    )
    if not points:
        return ""
    first, last = points.split()[0].split(",")[0], points.split()[-1].split(",")[0]
    return (
        '<svg class="density" viewBox="0 0 1000 100" preserveAspectRatio="none">'
        f'<title>{escape(title)}</title><polygon points="{first},100 {points} {last},100"/></svg>'
    )


def density_of(scale: Axis, values: Sequence[float]) -> list[float]:
    """Smoothed shares of `values` in BINS equal parts of the axis, the greatest being 1."""
    places = [scale.at(value) for value in values]
    counts, _ = np.histogram(places, bins=BINS, range=(0, 100))
    smooth = np.convolve(counts, SMOOTHING, mode="same")
    return [float(height) for height in smooth / max(smooth.max(), 1e-12)]


@dataclass(frozen=True)
class Point:
    """A contender in the plane: the lower `x`, the better, and the higher `y`, with the interval of `y`."""

    name: str
    kind: str
    x: float
    y: float
    low: float
    high: float


def front(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats in one of x and y without losing in the other: Pareto's front, by rising x."""
    found: list[Point] = []
    for point in sorted(points, key=lambda item: (item.x, -item.y)):
        if not found or point.y > found[-1].y:
            found.append(point)
    return found


def scatter(label: str, points: Sequence[Point], x_unit: str) -> str:
    """Points with their intervals, and the front as steps."""
    across = axis([point.x for point in points], log=True)
    up = axis([end for point in points for end in (point.low, point.high)])
    points = sorted(points, key=lambda point: point.x)
    rows = _rows(points, across, up)
    marks = "".join(_point(point, across, up, at + 1, rows[at]) for at, point in enumerate(points))
    ticks = "".join(f'<i style="left:{across.at(tick):.2f}%">{plain(tick)}</i>' for tick in across.ticks())
    levels = "".join(f'<i style="bottom:{up.at(tick):.2f}%">{100 * tick:.6g} %</i>' for tick in up.ticks())
    lines = "".join(f'<i class="level" style="bottom:{up.at(tick):.2f}%"></i>' for tick in up.ticks())
    return (
        f'<div class="scatter" role="img" aria-label="{escape(label)}"><div class="levels">{levels}</div>'
        f'<div class="field">{lines}{_steps(front(points), across, up)}{marks}</div>'
        f'<div class="ticks">{ticks}</div><div class="unit">{escape(x_unit)}</div>{_legend(points)}</div>'
    )


def _steps(points: Sequence[Point], across: Axis, up: Axis) -> str:
    path, height = [], None
    for point in points:
        x, y = 10 * across.at(point.x), 10 * (100 - up.at(point.y))
        path += [f"{x:.0f},{1000 if height is None else height:.0f}", f"{x:.0f},{y:.0f}"]
        height = y
    path.append(f"1000,{height:.0f}")
    return (
        '<svg class="front" viewBox="0 0 1000 1000" preserveAspectRatio="none"><title>Pareto front</title>'
        f'<polyline points="{" ".join(path)}"/></svg>'
    )


def _point(point: Point, across: Axis, up: Axis, number: int, row: int) -> str:
    """A dot with its interval, and its number `row` lines above it."""
    x, y, low, high = across.at(point.x), up.at(point.y), up.at(point.low), up.at(point.high)
    title = f"{point.name}: {point.x:,.1f} µs, {point.y:.2%} ({point.low:.2%} to {point.high:.2%})"
    return (
        f'<div class="{escape(point.kind)}" title="{escape(title)}">'
        f'<i class="interval" style="left:{x:.2f}%;bottom:{low:.2f}%;height:{high - low:.2f}%"></i>'
        f'<i class="dot" style="left:{x:.2f}%;bottom:{y:.2f}%"></i>'
        f'<span style="left:{x:.2f}%;bottom:calc({y:.2f}% + {row + 1.05:.2f}em)">{number}</span></div>'
    )


def _rows(points: Sequence[Point], across: Axis, up: Axis) -> list[int]:
    """For each point, by how many lines its number has to move up not to lie on another's, or on another dot."""
    dots = {(across.at(point.x), up.at(point.y)) for point in points}
    rows: list[int] = []
    places: list[tuple[float, float]] = []
    for point in points:
        x, y = across.at(point.x), up.at(point.y)
        row = 0
        while _is_taken(x, y + row * LINE, places) or _is_on_dot(x, y + row * LINE + ABOVE_DOT, dots - {(x, y)}):
            row += 1
        places.append((x, y + row * LINE))
        rows.append(row)
    return rows


def _is_taken(x: float, y: float, places: Sequence[tuple[float, float]]) -> bool:
    return any(abs(x - other) < NUMBER_WIDTH and abs(y - height) < LINE_HEIGHT for other, height in places)


def _is_on_dot(x: float, y: float, dots: AbstractSet[tuple[float, float]]) -> bool:
    return any(abs(x - other) < NUMBER_WIDTH and abs(y - height) < DOT for other, height in dots)


def _legend(points: Sequence[Point]) -> str:
    names = (
        f'<span class="{escape(point.kind)}"><b>{number}</b> {escape(point.name)}</span>'
        for number, point in enumerate(points, 1)
    )
    return f'<div class="legend">{"".join(names)}</div>'
