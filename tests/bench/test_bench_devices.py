"""The runs of several devices in one report: a column for each, and the Pareto front over all."""

import csv
import json
from dataclasses import replace

from made_up import answers, bench, failed, measured, streams

from edgecnn.bench.devices import Device, choices, front
from edgecnn.bench.figures import summarize
from edgecnn.bench.reports import devices as reports
from edgecnn.bench.reports.devices_html import to_html
from edgecnn.bench.reports.document import decode

QUERIES = 300


def device(name: str, float32_us: float, int8_us: float) -> Device:
    """A device where the int8 file is less accurate."""
    found = bench(
        measured("onnx-float32", streams([float32_us] * 3, QUERIES), given=answers()),
        measured("onnx-int8", streams([int8_us] * 3, QUERIES), given=answers(wrong=[1, 2])),
    )
    return Device(name, "10.0.0.1", summarize(found))


SLOW, FAST = device("pi4", 400, 200), device("pi5", 150, 90)
BROKEN = Device("attic", "10.0.0.9", failure="its worker ended before the bench did")


def test_the_front_has_what_no_other_beats_on_any_device() -> None:
    assert [(it.device, it.contender, it.time_us) for it in front([SLOW, FAST])] == [
        ("pi5", "onnx-int8", 90.0),
        ("pi5", "onnx-float32", 150.0),
    ]
    crossed = device("laptop", 100, 190)  # its float32 is the fastest, and as accurate as any
    assert [(it.device, it.contender) for it in front([SLOW, crossed])] == [("laptop", "onnx-float32")]
    assert len(choices([SLOW, FAST, BROKEN])) == 4
    assert front([BROKEN]) == ()


def test_each_device_has_a_column_also_for_what_it_lacks() -> None:
    lacking = Device("bare", "10.0.0.2", summarize(bench(measured("onnx-float32", streams([300.0] * 3, QUERIES)))))
    failing = Device("hot", "10.0.0.3", summarize(bench(failed("onnx-float32", "it was silent"))))
    assert reports.headings([SLOW, lacking, BROKEN]) == ["figure", "contender", "pi4", "bare", "attic"]
    cells = {(figure, name): row for figure, name, *row in reports.body([SLOW, lacking, failing, BROKEN])}
    assert cells["p50 µs", "onnx-float32"] == ["400", "300", "failed", "–"]
    assert cells["p50 µs", "onnx-int8"] == ["200", "–", "–", "–"]


def test_every_format_names_devices_and_why_one_failed() -> None:
    everything = [SLOW, FAST, BROKEN]
    markdown, page = reports.to_markdown(everything), to_html(everything)
    for text in (markdown, page):
        assert all(it.name in text for it in everything)
        assert "its worker ended before the bench did" in text
    assert "<h1>onnx-int8 on pi5 takes 90.0 µs, the least of all</h1>" in page
    document = json.loads(reports.to_json(everything))
    assert [it["failure"] for it in document["devices"]] == [None, None, BROKEN.failure]
    assert SLOW.summary is not None
    assert decode(json.dumps(document["devices"][0]["run"]).encode()) == SLOW.summary.bench
    rows = list(csv.DictReader(reports.to_csv_of_all(everything).splitlines()))
    assert [(row["device"], row["name"], float(row["p50_us"])) for row in rows] == [
        *(("pi4", "onnx-float32", 400.0), ("pi4", "onnx-int8", 200.0)),
        *(("pi5", "onnx-float32", 150.0), ("pi5", "onnx-int8", 90.0)),
    ]


def test_nothing_measured_is_a_report_too() -> None:
    assert reports.NO_FRONT in reports.to_markdown([BROKEN])
    assert "Nothing was both timed and scored" in to_html([BROKEN])
    assert reports.to_csv_of_all([BROKEN]) == ""
    assert reports.tables([BROKEN], 80) == []


def test_what_a_device_calls_itself_is_text() -> None:
    assert "<script>" not in to_html([replace(SLOW, name="<script>"), BROKEN])


def test_tables_with_many_devices_are_parted() -> None:
    many = [replace(SLOW, name=f"board-number-{number}") for number in range(6)]
    tables = reports.tables(many, 80)
    assert len(tables) > 2
    assert [tables[1].columns[0].header, tables[1].columns[1].header] == ["figure", "contender"]
