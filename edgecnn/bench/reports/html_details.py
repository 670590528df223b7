"""The page's further parts: accuracy against latency, scenarios, images that changed label, and the conditions."""

from collections.abc import Iterator, Sequence
from html import escape

from edgecnn.bench.figures import Row, Summary
from edgecnn.bench.recorded_figures import name_of
from edgecnn.bench.reports.charts import Axis, Point, Strip, axis, chart, mark, scatter
from edgecnn.bench.reports.columns import scenario_parts
from edgecnn.bench.results import Data
from edgecnn.host.watch import Reading

TERMS = {
    "p50, p90, p99": "half, 90 % and 99 % of the queries took no longer; p90 is MLPerf's headline of SingleStream.",
    "floor": "p50 of an empty model in the same runtime, below which no network gets.",
    "speed-up": "the reference's median time divided by the contender's, as the geometric mean of all rounds.",
    "verdict": "follows from the interval of the speed-up; where the interval includes 1, no difference is shown.",
    "agrees": "the share of images given the label that the reference gives.",
    "McNemar p": "how likely two equally accurate models differ so unevenly on the images that just one gets wrong.",
    "init, first, cold start": "file to ready session; the first inference; a new process until its first answer.",
}


def plane(rows: Sequence[Row]) -> str:
    """Accuracy against the median latency, with the Pareto front."""
    points = [
        Point(row.name, row.runtime, row.p50_us, row.accuracy, row.accuracy_low, row.accuracy_high)
        for row in rows
        if row.p50_us and row.accuracy is not None and row.accuracy_low is not None and row.accuracy_high is not None
    ]
    return scatter("Accuracy against latency, with the Pareto front", points, "p50 µs")


def scenario(summary: Summary) -> Iterator[tuple[str, str, str]]:
    """What a scenario has beneath its contenders: throughput by batch size, or latency by rate."""
    offline = [row for row in summary.rows if row.batches]
    if offline:
        scale = axis([found.throughput_ips for row in offline for found in row.batches], log=True)
        strips = [Strip(row.name, row.runtime, _batches(row, scale), f"{row.throughput_ips:,.0f}") for row in offline]
        body = chart("Throughput by batch size and contender", strips, scale, "images/s")
        yield "Throughput", "Each dot is a batch size; the figure is of the best one.", body + _tables(summary)
    elif any(row.rates for row in summary.rows):
        yield "Arrivals", "Latency at the rates that were tried, from arrival to answer.", _tables(summary)


def _batches(row: Row, scale: Axis) -> str:
    return "".join(
        mark(scale, found.throughput_ips, "dot", f"batch {found.batch}: {found.throughput_ips:,.0f} images/s")
        for found in row.batches
    )


def _tables(summary: Summary) -> str:
    parts = []
    for headings, body in scenario_parts(summary):
        head = "".join(f'<th scope="col">{escape(title)}</th>' for title in headings)
        rows = "".join(
            f'<tr><th scope="row">{escape(name)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
            for name, *cells in body
        )
        parts.append(f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')
    return "".join(parts)


def changed_images(summary: Summary) -> str:
    """The images that not all contenders label alike, by data set."""
    parts = []
    for key, data in summary.bench.datasets.items():
        answers = {
            item.contender.name: item.answers
            for item in summary.bench.measurements
            if item.answers and summary.bench.data.get(item.contender.model) == key
        }
        answers |= {
            name_of(summary.bench, found, found.fastest): found.fastest.answers
            for found in summary.bench.recorded
            if found.images_sha256 == key and found.fastest.answers
        }
        if len(answers) < 2:
            continue
        if not data.pictures:
            parts.append(f"<p>All contenders give the same label to each of the {len(data.truth):,} images.</p>")
            continue
        parts.append(_most_different(summary, data))
        figures = "".join(_figure(data, answers, number) for number in range(len(data.pictures)))
        parts.append(f'<div class="images">{figures}</div>')
    return "".join(parts)


def _most_different(summary: Summary, data: Data) -> str:
    pairs = [(len(pair.changed), pair) for pair in summary.pairs if pair.changed]
    if not pairs:
        return ""
    count, pair = max(pairs, key=lambda found: found[0])
    return (
        f"<p>{escape(pair.first)} and {escape(pair.second)} differ most: on {count:,} of {len(data.truth):,} images of "
        f"{escape(data.source)} (McNemar p {pair.p_accuracy:.2g}).</p>"
    )


def _figure(data: Data, answers: dict[str, tuple[int, ...]], number: int) -> str:
    picture = data.pictures[number]
    by_label: dict[int, list[str]] = {}
    for name, labels in answers.items():
        by_label.setdefault(labels[picture.index], []).append(name)
    truth = data.truth[picture.index]
    lines = "".join(
        f"<div>{_mark(label == truth)} <b>{escape(data.labels[label])}</b> {escape(_names(names, len(answers)))}</div>"
        for label, names in sorted(by_label.items(), key=lambda item: -len(item[1]))
    )
    alt = f"test image {picture.index}, a {data.labels[truth]}"
    return (
        f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{picture.png}">'
        f"<figcaption>image {picture.index} shows <b>{escape(data.labels[truth])}</b>{lines}</figcaption></figure>"
    )


def _mark(right: bool) -> str:
    return '<span class="better">✓</span>' if right else '<span class="worse">✗</span>'


def _names(names: Sequence[str], everyone: int) -> str:
    return ", ".join(names) if len(names) <= everyone / 2 else "the others" if len(names) < everyone else "all"


def about(summary: Summary) -> str:
    """What the figures hold for, and what the words mean."""
    bench, plan = summary.bench, summary.bench.plan
    host = bench.host
    pairs = {
        "machine": str(host),
        "memory": f"{host.memory_bytes / 2**30:.1f} GiB",
        "versions": ", ".join(f"{name} {version}" for name, version in host.versions.items()),
        "scenario": f"{plan.scenario}, {plan.threads} thread(s), batch {plan.batch}",
        "rounds": f"{plan.rounds}, {plan.duration:g} s together; each process warms up {plan.warm_up_seconds:.2g} s",
        "clock": f"{bench.clock.name}, steps of {bench.clock.step_ns:g} ns, {bench.clock.cost_ns:.0f} ns a reading",
        "run": f"{bench.elapsed_s:.0f} s, of which the coordinator computed {bench.coordinator_cpu_s:.2f} s",
        **_readings(bench.readings),
    }
    conditions = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs.items())
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in TERMS.items())
    return (
        f"<section><h2>Conditions</h2><dl>{conditions}</dl></section>"
        f"<details><summary>What the words mean</summary><dl>{terms}</dl></details>"
    )


def _readings(readings: Sequence[Reading]) -> dict[str, str]:
    """What changed on the machine during the run, where the system tells."""
    temperatures = [reading.temperature_c for reading in readings if reading.temperature_c is not None]
    frequencies = [reading.frequency_mhz for reading in readings if reading.frequency_mhz is not None]
    governors = sorted({reading.governor for reading in readings if reading.governor})
    found = {}
    if temperatures:
        found["temperature"] = f"{min(temperatures):.0f} to {max(temperatures):.0f} °C"
    if frequencies:
        found["frequency"] = f"{min(frequencies):,.0f} to {max(frequencies):,.0f} MHz"
    if governors:
        found["governor"] = ", ".join(governors)
    if len(readings) > 1:
        start, end = readings[0], readings[-1]
        others = max(0.0, end.busy_s - start.busy_s - (end.ours_s - start.ours_s)) / max(end.at_s - start.at_s, 1e-9)
        found["other programs"] = f"kept {others:.2f} cores busy"
    return found
