"""Formats the runs of several devices as one self-contained HTML page. Pure: nothing is fetched by the page."""

from collections.abc import Sequence
from html import escape
from string import Template

from edgecnn.bench.devices import Choice, Device, choices, front
from edgecnn.bench.reports.charts import Point, scatter
from edgecnn.bench.reports.conditions import conditions
from edgecnn.bench.reports.devices import FRONT_HEADINGS, NO_FRONT, body, front_body, headings, is_stable
from edgecnn.bench.reports.html import ASSETS, table
from edgecnn.bench.reports.numbers import number


def to_html(devices: Sequence[Device]) -> str:
    """The page: headline, a table with a column for each device, accuracy against time, conditions."""
    page = Template((ASSETS / "report.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=escape(f"edgecnn bench on {len(devices)} devices"),
        style=(ASSETS / "report.css").read_text(encoding="utf-8"),
        headline=escape(headline(devices)),
        what=escape(", ".join(device.name for device in devices)),
        badge=f'<span class="badge {"stable" if is_stable(devices) else "unstable"}">'
        f"{'stable' if is_stable(devices) else 'UNSTABLE'}</span>",
        alerts="".join(map(_alert, devices)),
        sections="".join(f"<section><h2>{title}</h2>{part}</section>" for title, part in _sections(devices)),
        about=_about(devices),
    )


def headline(devices: Sequence[Device]) -> str:
    """What answers soonest, in a sentence."""
    found = front(devices)
    if not found:
        return "Nothing was both timed and scored"
    return f"{found[0].contender} on {found[0].device} takes {number(found[0].time_us)} µs, the least of all"


def _alert(device: Device) -> str:
    if not device.failure:
        return ""
    return f'<div class="alert failed"><b>{escape(device.name)} failed</b>: {escape(device.failure)}</div>'


def _sections(devices: Sequence[Device]) -> list[tuple[str, str]]:
    return [("Figures by device", _table(headings(devices), body(devices), 2)), ("Pareto front", _front(devices))]


def _front(devices: Sequence[Device]) -> str:
    points = list(map(_point, choices(devices)))
    if not points:
        return f"<p>{NO_FRONT}</p>"
    drawn = scatter("Accuracy against time over devices, with the Pareto front", points, "µs")
    return drawn + _table(FRONT_HEADINGS, front_body(devices), 2)


def _point(choice: Choice) -> Point:
    name = f"{choice.contender} on {choice.device}"
    return Point(name, choice.runtime, choice.time_us, choice.accuracy, choice.accuracy_low, choice.accuracy_high)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> str:
    lines = []
    for row in rows:
        named = f'<th scope="row">{escape(row[0])}</th>' + "".join(
            f'<td class="words">{escape(cell)}</td>' for cell in row[1:words]
        )
        lines.append(f"<tr>{named}{''.join(f'<td>{escape(cell)}</td>' for cell in row[words:])}</tr>")
    return table(titles, lines)


def _about(devices: Sequence[Device]) -> str:
    found = "".join(
        f"<dt>{escape(device.name)}</dt><dd>{'<br>'.join(map(escape, conditions(device.summary)))}</dd>"
        for device in devices
        if device.summary
    )
    return f"<section><h2>Conditions</h2><dl>{found}</dl></section>"
