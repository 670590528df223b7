"""Every figure of a report against numbers computed by hand from a Bench made by hand."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edgecnn.bench.contenders import TENSORFLOW_WAYS, Contender, Way
from edgecnn.bench.host import Host
from edgecnn.bench.measure import Bench, Measurement
from edgecnn.bench.report import HEADINGS, conditions, markdown, rows, to_csv, to_json
from edgecnn.score import Accuracy

HOST = Host("Linux", "aarch64", "Raspberry Pi 5", 4, "3.11.2", {"edgecnn": "0.1.0", "onnxruntime": "1.24.0"})
MISSING = "TensorFlow is not installed"
KEYS = [
    "model",
    "contender",
    "file",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "images",
    "agreement",
    "p50_us",
    "p90_us",
    "p99_us",
    "throughput_ips",
    "samples",
    "spread",
    "import_ms",
    "init_ms",
    "first_ms",
    "peak_mib",
    "file_bytes",
    "speedup",
]


def measured(
    folder: Path, way: Way, rounds: Sequence[Sequence[int]], answers: tuple[int, ...] | None, model: str = "edge"
) -> Measurement:
    """One contender; its test split holds four images of the classes 0, 1, 2, 3."""
    file = folder / ("model.keras" if way in TENSORFLOW_WAYS else "model.onnx")
    right = sum(1 for answer, label in zip(answers or (), range(4), strict=False) if answer == label)
    return Measurement(
        contender=Contender(model, f"{model}'s {way}", way, file, 1, 1, 1.0),
        import_ns=1_500_000,
        init_ns=12_000_000,
        first_ns=250_000,
        rounds=tuple(map(tuple, rounds)),
        peak_rss=64 * 2**20,
        file_bytes=2500,
        answers=answers,
        accuracy=Accuracy("test", right, 4) if answers else None,
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Medians of 4,000, 50 and 80 µs in TensorFlow and of 10 µs in onnxruntime, which gets one of four images wrong."""
    measurements = (
        measured(tmp_path, "predict", [[4_000_000], [4_000_000]], (0, 1, 2, 3)),
        measured(tmp_path, "model(x)", [[50_000], [50_000]], (0, 1, 2, 3)),
        measured(tmp_path, "tf.function", [[80_000], [80_000]], (0, 1, 2, 3)),
        measured(tmp_path, "onnxruntime", [[10_000] * 600, [10_000] * 390 + [60_000] * 10], (0, 1, 2, 2)),
    )
    return Bench(HOST, 1, 1, 3.0, ("mnist",), measurements, (MISSING,))


def cells(bench: Bench) -> list[dict[str, str]]:
    """The Markdown table's rows by heading."""
    lines = [line.strip("| ").split(" | ") for line in markdown(bench).splitlines() if line.startswith("| ")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_figures_are_those_of_the_samples(bench: Bench) -> None:
    row = rows(bench)[-1]
    assert (row.latency.p50_us, row.latency.p90_us, row.latency.p99_us) == (10.0, 10.0, 10.0)
    assert row.latency.samples == 1000
    assert row.latency.throughput == pytest.approx(1000 / (990 * 10e-6 + 10 * 60e-6))
    assert (row.import_ms, row.init_ms, row.first_ms, row.peak_mib, row.file_bytes) == (1.5, 12.0, 0.25, 64.0, 2500)
    assert row.accuracy == Accuracy("test", 3, 4)


def test_the_speed_up_is_over_the_fastest_way_of_tensorflow(bench: Bench) -> None:
    assert [row.speedup for row in rows(bench)] == pytest.approx([50 / 4000, 1.0, 50 / 80, 5.0])


def test_agreement_is_with_the_graph_that_was_exported(bench: Bench) -> None:
    wrong = replace(bench.measurements[0], answers=(3, 3, 3, 3))  # model.predict: no other contender's reference
    changed = replace(bench, measurements=(wrong, *bench.measurements[1:]))
    assert [row.agreement for row in rows(changed)] == [0.25, 1.0, 1.0, 0.75]


def test_without_tensorflow_there_is_nothing_to_compare_with(bench: Bench) -> None:
    alone = replace(bench, measurements=bench.measurements[3:])
    assert [(row.speedup, row.agreement) for row in rows(alone)] == [(None, None)]
    assert (cells(alone)[0]["speed-up"], cells(alone)[0]["agrees"]) == ("–", "–")
    assert json.loads(to_json(alone))["contenders"][0]["speedup"] is None


def test_each_model_is_compared_with_its_own_original(bench: Bench, tmp_path: Path) -> None:
    other = (
        measured(tmp_path, "tf.function", [[300_000]], (0, 0, 0, 0), "other"),
        measured(tmp_path, "onnxruntime", [[100_000]], (0, 0, 0, 1), "other"),
    )
    both = replace(bench, measurements=(*bench.measurements, *other))
    assert [(row.speedup, row.agreement) for row in rows(both)[3:]] == [(5.0, 0.75), (1.0, 1.0), (3.0, 0.75)]
    assert [row["contender"] for row in cells(both)[-2:]] == [
        "other: other's tf.function",
        "other: other's onnxruntime",
    ]


def test_batches_count_every_image(bench: Bench) -> None:
    assert rows(replace(bench, batch=8))[1].latency.throughput == pytest.approx(8 / 50e-6)


def test_a_model_without_data_has_no_accuracy(bench: Bench, tmp_path: Path) -> None:
    noise = replace(bench, data=(), measurements=(measured(tmp_path, "onnxruntime", [[10_000]], None),))
    assert (rows(noise)[0].accuracy, rows(noise)[0].agreement) == (None, None)
    assert cells(noise)[0]["accuracy, 95 %"] == "–"
    assert "noise for images, no accuracy" in conditions(noise)[1]


def test_the_markdown_table_has_a_row_for_each_contender_and_the_conditions_below(bench: Bench) -> None:
    row = cells(bench)[-1]
    assert list(row) == [title for title, _ in HEADINGS]
    assert row["contender"] == "edge's onnxruntime"
    assert re.fullmatch(r"75\.00% \(\d\d\.\d\d–\d\d\.\d\d\)", row["accuracy, 95 %"])
    assert (row["agrees"], row["p50 µs"], row["speed-up"]) == ("75.00%", "10.0", "5.0×")
    assert (row["images/s"], row["init ms"], row["first ms"]) == ("95,238", "12", "0.2")
    assert (row["peak MiB"], row["file kB"]) == ("64", "2")
    assert cells(bench)[0]["p90 µs"] == "4,000"
    below = markdown(bench).split("\n\n", 1)[1]
    assert [line.rstrip() for line in below.splitlines()] == conditions(bench)


def test_the_accuracy_carries_wilsons_interval(bench: Bench) -> None:
    """3 of 4: 30.06 to 95.44 %, by the formula worked out by hand with z = 1.96."""
    row = json.loads(to_json(bench))["contenders"][-1]
    assert (row["accuracy"], row["images"]) == (0.75, 4)
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx((0.3006, 0.9544), abs=1e-4)


def test_the_conditions_say_what_the_figures_hold_for(bench: Bench) -> None:
    host, how, *rest = conditions(bench)
    assert host == "Raspberry Pi 5, 4 cores, Linux, Python 3.11.2; edgecnn 0.1.0, onnxruntime 1.24.0"
    assert how == (
        "1 thread, batch 1, SingleStream, 3 s a contender in 2 interleaved rounds (2 to 1,000 queries); "
        "accuracy on the test images of mnist"
    )
    assert rest == [f"missing: {MISSING}"]
    assert conditions(replace(bench, threads=2))[1].startswith("2 threads, batch 1")


def test_the_fewest_and_the_most_queries_are_told(bench: Bench) -> None:
    """As numbers: 120 is fewer than 950, though both have three digits."""
    counts = [950, 120, 400, 999]
    several = tuple(
        replace(item, rounds=((10_000,) * count,)) for item, count in zip(bench.measurements, counts, strict=True)
    )
    assert "(120 to 999 queries)" in conditions(replace(bench, measurements=several))[1]


def test_a_contender_whose_rounds_differ_is_called_unstable(bench: Bench) -> None:
    shaky = replace(bench.measurements[1], rounds=((50_000,), (70_000,)))
    lines = conditions(replace(bench, measurements=(bench.measurements[0], shaky)))
    assert lines[2] == "unstable: the rounds of edge's model(x) differ; let the machine rest and measure again"


def test_csv_has_a_line_for_each_contender_and_the_units_in_its_columns(bench: Bench) -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(bench))))
    assert list(lines[0]) == KEYS
    assert [line["contender"] for line in lines] == [item.contender.name for item in bench.measurements]
    assert [float(line["p50_us"]) for line in lines] == [4000.0, 50.0, 80.0, 10.0]
    assert (lines[3]["file"], lines[3]["speedup"], lines[3]["samples"]) == ("model.onnx", "5.0", "1000")


def test_csv_leaves_empty_what_is_not_known(bench: Bench, tmp_path: Path) -> None:
    noise = replace(bench, measurements=(measured(tmp_path, "onnxruntime", [[10_000]], None),))
    (line,) = csv.DictReader(io.StringIO(to_csv(noise)))
    assert [line[key] for key in ("accuracy", "images", "agreement", "speedup")] == [""] * 4


def test_json_has_stable_keys(bench: Bench) -> None:
    document = json.loads(to_json(bench))
    assert list(document) == (
        ["format", "host", "threads", "batch", "scenario", "duration_s", "data", "missing", "contenders"]
    )
    assert list(document["contenders"][0]) == [*KEYS, "rounds_ns", "answers"]
    assert list(document["host"]) == ["system", "machine", "cpu", "cores", "python", "versions"]
    assert (document["format"], document["scenario"], document["duration_s"]) == (1, "SingleStream", 3.0)
    assert (document["data"], document["missing"]) == (["mnist"], [MISSING])


def test_json_keeps_every_raw_sample_and_answer(bench: Bench) -> None:
    for item, stored in zip(bench.measurements, json.loads(to_json(bench))["contenders"], strict=True):
        assert stored["rounds_ns"] == [list(samples) for samples in item.rounds]
        assert stored["answers"] == list(item.answers or ())


def test_json_and_csv_have_the_same_figures(bench: Bench) -> None:
    for line, row in zip(
        csv.DictReader(io.StringIO(to_csv(bench))), json.loads(to_json(bench))["contenders"], strict=True
    ):
        assert line == {key: "" if row[key] is None else str(row[key]) for key in KEYS}
