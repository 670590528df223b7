"""How figures look as tables, Markdown and CSV, whatever came of a run."""

import csv
import io
import re
from dataclasses import asdict, replace

import pytest
from made_up import (
    DIGITS,
    HOST,
    HOT,
    MODEL,
    OTHER_MODEL,
    OTHER_SHA256,
    TRUTH,
    answers,
    bench,
    failed,
    measured,
    stream,
    streams,
)
from rich.console import Console
from rich.table import Table

from edgecnn.bench.compare import compare
from edgecnn.bench.figures import Summary, summarize
from edgecnn.bench.reports.columns import CHANGE_HEADINGS, COLUMNS, change_rows
from edgecnn.bench.reports.conditions import conditions
from edgecnn.bench.reports.csv import to_csv
from edgecnn.bench.reports.document import to_json
from edgecnn.bench.reports.markdown import to_markdown
from edgecnn.bench.reports.numbers import NOTHING, change, number, speedup
from edgecnn.bench.reports.tables import comparison_tables, tables, width_of
from edgecnn.bench.results import Bench, Plan
from edgecnn.bench.run import FORMATS, Outcome
from edgecnn.bench.stats import Estimate
from edgecnn.commands.bench import print_bench, say_outcome
from edgecnn.host.watch import StabilityIssue
from edgecnn.terminal import printable

MISSING = "TensorFlow is not installed, so the original model is not measured: pip install 'edgecnn[train]'"
HEADINGS = ["contender", *(column.title for column in COLUMNS)]


def full() -> Bench:
    """Everything that a run with queries one after another may have: 12,000 queries of 50, 100 and 10 µs."""
    return bench(
        measured("tf-predict", streams([100] * 6, queries=2000), given=TRUTH, processes=6),
        measured("tf-function", streams([50] * 6, queries=2000), given=TRUTH, processes=1),
        measured("onnx-int8", streams([10] * 6, queries=2000), given=answers(wrong=[3, 4]), processes=6),
    )


OFFLINE = bench(
    measured("tf-call", [stream(number, [us], batch) for number in range(6) for batch, us in ((1, 100), (8, 400))]),
    measured("onnx-int8", [stream(number, [us], batch) for number in range(6) for batch, us in ((1, 20), (8, 80))]),
    failed("onnx-float32", "it broke"),
    plan=Plan("offline"),
)
ARRIVALS = [
    stream(number, [us] * 400, 1, rate) for number in range(3) for rate, us in ((100.0, 50.0), (1500.0, 60_000.0))
]
SERVER = bench(
    measured("onnx-int8", ARRIVALS),
    plan=Plan("server", rates=(100.0, 1500.0), latency_bound_us=1000),
)
RUNS: dict[str, Bench] = {
    "full": full(),
    "no data": bench(measured("tf-call", streams([50] * 6)), measured("onnx-int8", streams([10] * 6))),
    "one contender": bench(measured("onnx-int8", streams([10] * 6), given=TRUTH)),
    "one query": bench(measured("onnx-int8", streams([10]))),
    "a failure": bench(
        failed("tf-call", "its process ended (load): signal 9"),
        measured("onnx-int8", streams([10] * 6), given=TRUTH),
        stability_issues=[HOT, StabilityIssue("the machine ran on its battery", "plug it in")],
        missing=[MISSING],
        partial=True,
    ),
    "failures only": bench(failed("tf-call", "out of memory"), failed("onnx-int8", "its file is truncated")),
    "offline": OFFLINE,
    "server": SERVER,
    "server, nothing holds": bench(measured("onnx-int8", ARRIVALS), plan=Plan("server", latency_bound_us=10)),
    "odd names": bench(
        measured("onnx-a|b", streams([10] * 6), given=TRUTH),
        measured("onnx-[bold]c[/]", streams([10] * 6), given=TRUTH),
        measured("onnx-[/]:smile:", streams([10] * 6), given=TRUTH),
        measured("onnx-數字 модель", streams([10] * 6), given=TRUTH),
    ),
    "long names": bench(
        measured(f"{'a' * 250}/onnx-int8", streams([10] * 6), given=TRUTH),
        measured(f"{'b' * 600}/onnx-int8", streams([10] * 6), given=TRUTH),
    ),
}
every_run = pytest.mark.parametrize("kind", RUNS)


def summary_of(run: Bench) -> Summary:
    return summarize(run)


def drawn(table: Table, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def headings_of(table: Table) -> list[str]:
    return [str(column.header) for column in table.columns]


def cells_of(table: Table) -> list[list[str]]:
    """Its body, row by row."""
    return [list(row) for row in zip(*([str(cell) for cell in column.cells] for column in table.columns), strict=True)]


def printed(run: Bench, capsys: pytest.CaptureFixture[str], earlier: Bench | None = None) -> str:
    comparison = compare(earlier, run, ["threads was 1, now 2"]) if earlier else None
    print_bench(Outcome(summarize(run), comparison, (), ()))
    return capsys.readouterr().out


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, None), (0, "0.0"), (0.04, "0.0"), (9.96, "10.0"), (99.94, "99.9"), (100, "100"), (12345.6, "12,346")],
)
def test_numbers_have_three_digits_or_all_before_the_point(value: float | None, text: str | None) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(1, None, None), "1.00×"),
        (Estimate(5.678, 5.5, 5.8), "5.68× (5.50–5.80)"),
        (Estimate(99.96, None, None), "100×"),
        (Estimate(1234.5, 1200, 1300), "1,234× (1,200–1,300)"),
        (Estimate(0.00863, 0.0085, 0.0087), "116× slower (115–118)"),
        (Estimate(0.5, None, None), "2.00× slower"),
        (Estimate(0.98, 0.95, 1.02), "1.02× slower (0.980–1.05)"),
    ],
)
def test_a_slow_down_is_told_by_how_many_times_it_is_slower(estimate: Estimate, text: str) -> None:
    assert speedup(estimate) == text


@pytest.mark.parametrize(
    ("figure", "grown", "shrunk"),
    [
        ("p50_us", "slower", "faster"),
        ("cold_ms", "slower", "faster"),
        ("peak_mib", "larger", "smaller"),
        ("file_bytes", "larger", "smaller"),
        ("throughput_ips at batch 8", "higher", "lower"),
        ("speedup", "higher", "lower"),
    ],
)
def test_a_change_is_told_in_the_words_of_its_figure(figure: str, grown: str, shrunk: str) -> None:
    assert change(figure, Estimate(2, 1.9, 2.1)) == f"2.00× {grown} (1.90–2.10)"
    assert change(figure, Estimate(0.5, 0.4, 0.625)) == f"2.00× {shrunk} (1.60–2.50)"
    assert change(figure, Estimate(1, None, None)) == "1.00×"


# Tables


def test_a_table_has_a_row_for_each_contender_and_its_figures() -> None:
    (table,) = tables(summary_of(full()), 1000)
    rows = [dict(zip(headings_of(table), row, strict=True)) for row in cells_of(table)]
    assert rows[2] == {
        "contender": "onnx-int8",
        "p50 µs": "10.0",
        "p90 µs": "10.0",
        "p99 µs": "10.0",
        "p99.9 µs": "10.0",
        "floor µs": "3.0",
        "images/s": "100,000",
        "speed-up, 95 %": "5.00× (5.00–5.00)",
        "verdict": "faster",
        "accuracy, 95 %": "98.00% (93.00–99.45)",
        "agrees": "98.00%",
        "McNemar p": "0.5",
        "accuracy is": "no difference shown",
        "init ms": "12.0",
        "first ms": "0.2",
        "cold start ms": "160",
        "peak MiB": "64.0",
        "steady MiB": "40.0",
        "file kB": "2",
    }
    assert [row["verdict"] for row in rows] == ["slower", "reference", "faster"]
    assert [row["p50 µs"] for row in rows] == ["100", "50.0", "10.0"]
    assert (rows[1]["speed-up, 95 %"], rows[1]["McNemar p"], rows[1]["agrees"]) == ("1.00×", NOTHING, "100.00%")


def test_columns_without_any_figure_are_left_out() -> None:
    (noise,) = tables(summary_of(RUNS["one query"]), 1000)
    assert headings_of(noise) == [
        *("contender", "p50 µs", "floor µs", "images/s", "speed-up, 95 %", "verdict"),
        *("init ms", "first ms", "cold start ms", "peak MiB", "steady MiB", "file kB"),
    ]
    (broken,) = tables(summary_of(RUNS["failures only"]), 1000)
    assert headings_of(broken) == ["contender", "verdict"]
    assert cells_of(broken) == [["tf-call", "failed"], ["onnx-int8", "failed"]]


@every_run
@pytest.mark.parametrize("width", [20, 80, 120, 200, 100_000])
def test_tables_fit_the_width_or_are_parted(kind: str, width: int) -> None:
    """A table that holds one column beside the names may be wider: it cannot be parted."""
    summary = summary_of(RUNS[kind])
    found = [table for table in tables(summary, width) if headings_of(table)[0] == "contender"]
    for table in found:
        if len(headings_of(table)) > 2:
            assert width_of(table) <= width
    together = [title for table in found for title in headings_of(table)[1:]]
    assert together == [title for title in HEADINGS if title in together]
    assert len(found) == 1 or width < 100_000


def test_a_narrow_terminal_gets_a_table_for_each_group_and_a_wide_one_all_in_one() -> None:
    summary = summary_of(full())
    narrow, middle, wide = (tables(summary, width) for width in (110, 170, 300))
    assert [headings_of(table)[1] for table in narrow] == ["p50 µs", "accuracy, 95 %", "init ms"]
    assert [headings_of(table)[1] for table in middle] == ["p50 µs", "init ms"]
    assert [headings_of(table) for table in wide] == [
        [title for title in HEADINGS if "batch" not in title][:1]
        + [title for table in narrow for title in headings_of(table)[1:]]
    ]


@every_run
def test_nothing_is_cut_short_however_narrow_the_terminal(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in (20, 80, 250):
        monkeypatch.setenv("COLUMNS", str(width))
        text = printed(RUNS[kind], capsys, earlier=RUNS[kind])
        assert "…" not in text
        lines = text.splitlines()
        summary = summary_of(RUNS[kind])
        for table in tables(summary, width):
            for cells in [headings_of(table), *cells_of(table)]:
                assert any(all(cell in line for cell in cells) for line in lines), cells
        for condition in conditions(summary):
            assert condition in lines


def test_a_terminal_of_60_columns_gets_narrower_tables_of_the_same_columns() -> None:
    summary = summary_of(full())
    found = tables(summary, 60)
    assert [headings_of(table)[1:] for table in found] == [
        ["p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "floor µs"],
        ["images/s", "speed-up, 95 %", "verdict"],
        ["accuracy, 95 %", "agrees", "McNemar p"],
        ["accuracy is"],
        ["init ms", "first ms", "cold start ms", "peak MiB"],
        ["steady MiB", "file kB"],
    ]
    assert max(width_of(table) for table in found) <= 60
    changes = comparison_tables(compare(full(), full()), 60)
    assert [headings_of(table)[:2] for table in changes] == [["contender", "figure"]] * len(changes)
    assert [title for table in changes for title in headings_of(table)[2:]] == list(CHANGE_HEADINGS[2:])
    assert max(width_of(table) for table in changes) <= 60


def test_names_are_shown_as_they_are_and_not_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(RUNS["odd names"], capsys, earlier=RUNS["odd names"])
    for name in ("onnx-a|b", "onnx-[bold]c[/]", "onnx-[/]:smile:", "onnx-數字 модель"):
        assert text.count(name) > 2


def test_words_are_set_left_and_numbers_right() -> None:
    (table,) = tables(summary_of(full()), 1000)
    left = {str(column.header) for column in table.columns if column.justify == "left"}
    assert left == {"contender", "verdict", "accuracy is"}


def test_a_run_that_may_not_hold_says_so_above_each_table_and_below() -> None:
    summary = summary_of(RUNS["a failure"])
    for table in tables(summary, 40):
        shown = " ".join(" ".join(drawn(table, 80)).split())
        assert shown.startswith("UNSTABLE: these figures may not hold, see below")
    assert all(table.title is None for table in tables(summary_of(full()), 40))
    assert "UNSTABLE: the CPU reached 84 °C; fit a heat sink or a fan" in conditions(summary)
    assert "UNSTABLE: the machine ran on its battery; plug it in" in conditions(summary)


def test_offline_has_a_table_of_batch_sizes() -> None:
    first, *_, batches = tables(summary_of(OFFLINE), 1000)
    assert headings_of(first)[:6] == [
        "contender",
        "floor µs",
        "best batch",
        "saturates at",
        "images/s",
        "speed-up, 95 %",
    ]
    assert cells_of(first)[1][:6] == ["onnx-int8", "3.0", "8", "8", "100,000", "5.00× (5.00–5.00)"]
    assert headings_of(batches) == ["images/s at batch", "1", "8"]
    assert cells_of(batches) == [
        ["tf-call", "10,000", "20,000"],
        ["onnx-int8", "50,000", "100,000"],
        ["onnx-float32", NOTHING, NOTHING],
    ]


def test_server_has_a_table_of_the_rates_that_were_asked_for() -> None:
    first, rates = tables(summary_of(SERVER), 1000)
    assert headings_of(first)[:7] == ["contender", "p50 µs", "p90 µs", "p99 µs", "floor µs", "queries/s", "images/s"]
    assert cells_of(first)[0][:7] == ["onnx-int8", "50.0", "50.0", "50.0", "3.0", "100", "100"]
    assert headings_of(rates) == ["arrivals", "queries/s", "p50 µs", "p90 µs", "p99 µs", "p99 within bound"]
    assert cells_of(rates) == [
        ["onnx-int8", "100", "50.0", "50.0", "50.0", "yes"],
        ["onnx-int8", "1,500", "60,000", "60,000", "60,000", "no"],
    ]


def test_of_rates_that_were_searched_those_that_hold_are_shown() -> None:
    plan = Plan("server", latency_bound_us=1000)
    _, rates = tables(summary_of(replace(SERVER, plan=plan)), 1000)
    assert cells_of(rates) == [["onnx-int8", "100", "50.0", "50.0", "50.0", "yes"]]
    (alone,) = tables(summary_of(RUNS["server, nothing holds"]), 1000)
    assert "p50 µs" not in headings_of(alone)
    assert "init ms" in headings_of(alone)


# Conditions


def test_the_conditions_say_what_the_figures_hold_for() -> None:
    assert conditions(summary_of(full())) == [
        f"{HOST}; edgecnn 0.1.0, onnxruntime 1.24.1",
        "single-stream, 1 thread, batch 1, 3 s a contender in interleaved rounds "
        "(12,000 queries in 1 to 6 processes each)",
        "compared with tf-function; accuracy on the test images of mnist; memory is over an empty Python's",
        "best here for models/edge: onnx-int8 (model.onnx), 5.00× faster (5.00–5.00) than tf-function",
    ]


def test_threads_batch_and_the_scenario_are_told() -> None:
    plan = Plan(threads=4, batch=8, duration=0.5)
    assert conditions(summary_of(replace(full(), plan=plan)))[1].startswith(
        "single-stream, 4 threads, batch 8, 0.5 s a contender in interleaved rounds ("
    )
    assert conditions(summary_of(OFFLINE))[1].startswith("offline, 1 thread, batch sizes as shown, 3 s a contender")
    assert conditions(summary_of(SERVER))[1].endswith("(2,400 queries in 1 process each), p99 at most 1,000 µs")


def test_the_fewest_and_the_most_queries_are_told_as_numbers() -> None:
    counts = (950, 120, 1400)
    several = bench(
        *(measured(f"onnx-{count}", streams([10], queries=count), processes=2) for count in counts),
        failed("onnx-0", "it broke"),
    )
    assert "(120 to 1,400 queries in 2 processes each)" in conditions(summary_of(several))[1]


def test_two_models_have_two_references_and_may_have_two_data_sets() -> None:
    run = bench(
        measured("edge/tf-call", streams([20] * 6), given=TRUTH),
        measured("other/tf-call", streams([10] * 6), given=TRUTH, model=OTHER_MODEL),
        data={MODEL: "a" * 64, OTHER_MODEL: OTHER_SHA256},
        datasets={"a" * 64: DIGITS, OTHER_SHA256: replace(DIGITS, source="mail")},
    )
    assert conditions(summary_of(run))[2].startswith(
        "compared with edge/tf-call, other/tf-call; accuracy on the test images of mail, mnist; "
    )


def test_noise_is_called_noise() -> None:
    assert conditions(summary_of(RUNS["no data"]))[2].startswith("compared with tf-call; noise for images, no accuracy")


def test_what_is_amiss_has_a_line_each_in_that_order() -> None:
    _, _, _, *amiss = conditions(summary_of(RUNS["a failure"]))
    assert amiss == [
        "PARTIAL: stopped before the end; what is missing was not measured",
        "failed: tf-call: its process ended (load): signal 9",
        "UNSTABLE: the CPU reached 84 °C; fit a heat sink or a fan",
        "UNSTABLE: the machine ran on its battery; plug it in",
        f"missing: {MISSING}",
    ]


def test_where_all_failed_the_reasons_stand_below() -> None:
    _, how, what, *amiss = conditions(summary_of(RUNS["failures only"]))
    assert "(0 queries in 0 processes each)" in how
    assert what.startswith("compared with nothing; noise for images, no accuracy")
    assert amiss == ["failed: tf-call: out of memory", "failed: onnx-int8: its file is truncated"]


def test_why_the_exit_code_is_not_nought_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say_outcome(Outcome(summary_of(RUNS["a failure"]), None, (), ("'a.p50_us > 1' cannot be judged",)))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "error: tf-call failed: its process ended (load): signal 9",
        "error: stopped before the end; the figures are of what was measured so far",
        "error: 'a.p50_us > 1' cannot be judged",
    ]


# Every format


@every_run
@pytest.mark.parametrize("form", FORMATS)
def test_every_run_can_be_told_in_every_format(kind: str, form: str) -> None:
    run = RUNS[kind]
    assert FORMATS[form](summary_of(run), None)
    assert FORMATS[form](summary_of(run), compare(run, run, ["cores was 4, now 2"]))


def markdown_tables(text: str) -> list[list[list[str]]]:
    """Each table's lines as cells, split where GitHub does: at bars that no backslash escapes."""
    blocks = re.split(r"\n(?!\|)|(?<=\n)(?=\n)", text)
    lines = [[line for line in block.splitlines() if line.startswith("|")] for block in blocks]
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in block] for block in lines if block]


@every_run
def test_markdown_has_whole_tables(kind: str) -> None:
    run = RUNS[kind]
    text = to_markdown(summary_of(run), compare(run, run))
    found = markdown_tables(text)
    assert len(found) == 1 + len(tables(summary_of(run), 10**6))
    for heading, rule, *body in found:
        assert all(re.fullmatch("---:?", cell) for cell in rule)
        assert {len(line) for line in (heading, rule, *body)} == {len(heading)}
        assert all(cell == f" {cell.strip()} " for line in (heading, *body) for cell in line)
    assert [row[0].strip().replace("\\|", "|") for row in found[0][2:]] == [
        item.contender.name for item in run.measurements
    ]
    for line in conditions(summary_of(run)):
        assert f"\n{line}  \n" in text
    assert text.endswith("\n")


def test_markdown_has_the_figures_of_the_tables() -> None:
    (table,) = tables(summary_of(full()), 1000)
    heading, _, *body = markdown_tables(to_markdown(summary_of(full())))[0]
    assert [cell.strip() for cell in heading] == headings_of(table)
    assert [[cell.strip() for cell in line] for line in body] == cells_of(table)


@pytest.mark.parametrize("name", ["a\n| b |", "[x](javascript:alert(1))", "<img src=x>", "`a`", "\x1b[31m", "\\|"])
def test_a_folders_name_is_text_in_every_table(name: str) -> None:
    summary = summary_of(full())
    renamed = replace(summary, rows=(replace(summary.rows[0], name=name), *summary.rows[1:]))
    (table, *_), markdown = tables(renamed, 10_000), to_markdown(renamed)
    assert str(next(iter(table.columns[0].cells))) == printable(name)
    assert len({len(row) for row in markdown_tables(markdown)[0]}) == 1
    assert len(markdown_tables(markdown)[0]) == len(summary.rows) + 2
    assert not re.search(r"(?<!\\)(\\\\)*([<`]|\]\()", markdown.splitlines()[2])


def test_markdown_of_a_run_that_may_not_hold_begins_with_that() -> None:
    assert to_markdown(summary_of(RUNS["a failure"])).startswith(
        "**UNSTABLE: these figures may not hold, see below**\n\n|"
    )
    assert to_markdown(summary_of(full())).startswith("| contender |")


@every_run
def test_csv_has_a_line_for_each_contender_and_the_figures_of_its_row(kind: str) -> None:
    summary = summary_of(RUNS[kind])
    lines = list(csv.DictReader(io.StringIO(to_csv(summary))))
    assert len(lines) == len(summary.rows)
    for line, row in zip(lines, summary.rows, strict=True):
        expected = {name: value for name, value in asdict(row).items() if name not in ("batches", "rates")}
        assert line == {name: "" if value is None else str(value) for name, value in expected.items()}


def test_csv_columns_carry_their_units() -> None:
    names = next(csv.reader(io.StringIO(to_csv(summary_of(full())))))
    plain = {
        *("name", "model", "runtime", "variant", "file", "failure", "reference", "verdict", "accuracy_verdict"),
        *("agrees_with", "machine"),
        *("accuracy", "accuracy_low", "accuracy_high", "agreement", "p_accuracy"),  # shares
        *("speedup", "speedup_low", "speedup_high", "spread", "drift"),  # ratios
        *("images", "queries", "processes", "best_batch", "saturates_at"),  # counts
    }
    units = ("_us", "_ms", "_mib", "_bytes", "_ips", "_qps")
    assert names[:6] == ["name", "model", "runtime", "variant", "file", "failure"]
    assert [name for name in names if name not in plain and not name.endswith(units)] == []
    assert {"p50_us", "floor_us", "throughput_ips", "rate_qps", "cold_ms", "steady_mib", "file_bytes"} <= set(names)


def test_csv_tells_why_a_contender_failed_and_leaves_its_figures_empty() -> None:
    broken, _ = csv.DictReader(io.StringIO(to_csv(summary_of(RUNS["a failure"]))))
    assert broken.pop("failure") == "its process ended (load): signal 9"
    assert {name for name, value in broken.items() if value} == {"name", "model", "runtime", "variant", "file"}


def test_csv_quotes_what_needs_it() -> None:
    reason = 'it said "no", twice,\nand ended'
    (line,) = csv.DictReader(io.StringIO(to_csv(summary_of(bench(failed("onnx-a,b", reason))))))
    assert (line["name"], line["failure"]) == ("onnx-a,b", reason)


@pytest.mark.parametrize("name", ["=1+1/onnx-int8", "@SUM(1)/onnx-int8", "+1/onnx-int8", "-1/onnx-int8"])
def test_a_spreadsheet_computes_nothing_of_a_folders_name(name: str) -> None:
    summary = summary_of(bench(failed("onnx-int8", "=cmd")))
    renamed = replace(summary, rows=(replace(summary.rows[0], name=name),))
    (line,) = csv.DictReader(io.StringIO(to_csv(renamed)))
    assert (line["name"], line["failure"]) == (f"'{name}", "'=cmd")


# Comparisons


def earlier_and_now() -> tuple[Bench, Bench]:
    earlier = bench(
        measured("onnx-int8", streams([20, 20.2] * 3), given=TRUTH),
        measured("tf-call", streams([100] * 6), given=TRUTH),
        stability_issues=[HOT],
    )
    now = bench(
        measured("onnx-int8", streams([10, 10.1] * 3), given=answers(wrong=range(7)), file_bytes=5000),
        measured("onnx-float32", streams([100] * 6), given=TRUTH),
        host=replace(HOST, python="3.12.0"),
    )
    return earlier, now


def test_a_comparison_is_a_table_of_changes() -> None:
    comparison = compare(*earlier_and_now())
    (table,) = comparison_tables(comparison, 1000)
    assert tuple(headings_of(table)) == CHANGE_HEADINGS
    assert cells_of(table) == change_rows(comparison)
    found = {row[1]: row for row in change_rows(comparison)}
    assert found["accuracy"][:4] == ["onnx-int8", "accuracy", "100.00%", "93.00%"]
    assert re.fullmatch(r"-7\.00 points \(-1\d\.\d\d to -\d\.\d\d\)", found["accuracy"][4])
    assert found["accuracy"][5] == "worse"
    assert found["p50_us"][2:4] == ["20.1", "10.1"]
    assert re.fullmatch(r"2\.00× faster \(1\.\d+–2\.\d+\)", found["p50_us"][4])
    assert found["p50_us"][5] == "better"
    assert found["file_bytes"][2:] == ["2,500", "5,000", "2.00× larger (2.00–2.00)", "worse"]


def test_few_rounds_have_a_change_without_an_interval() -> None:
    run = bench(measured("onnx-int8", streams([10, 10])))
    found = {row[1]: row for row in change_rows(compare(run, run))}
    assert found["p50_us"][4:] == ["1.00×", "no difference shown"]


def test_what_is_printed_ends_with_the_comparison_and_its_notes(capsys: pytest.CaptureFixture[str]) -> None:
    earlier, now = earlier_and_now()
    lines = printed(now, capsys, earlier).splitlines()
    notes = [
        "compared with the run of 2026-03-01T12:00:00+00:00",
        "FORCED: the two runs are not comparable: threads was 1, now 2",
        "differs: Python was 3.11.2, now 3.12.0",
        "differs: the earlier run was unstable: the CPU reached 84 °C",
        "only in the earlier run: tf-call",
        "only in this run: onnx-float32",
    ]
    assert lines[-len(notes) :] == notes
    assert any(line.split()[:2] == ["contender", "figure"] for line in lines)
    assert any(line.split()[:4] == ["onnx-int8", "accuracy", "100.00%", "93.00%"] for line in lines)
    text = to_markdown(summary_of(now), compare(earlier, now, ["threads was 1, now 2"]))
    assert text.endswith("".join(f"{note}  \n" for note in notes))
    assert "| onnx-int8 | accuracy | 100.00% | 93.00% |" in text
    assert '"forced":["threads was 1, now 2"]' in to_json(
        summary_of(now), compare(earlier, now, ["threads was 1, now 2"])
    )


def test_two_runs_with_nothing_in_common_have_an_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(RUNS["failures only"], capsys, earlier=full())
    assert "only in the earlier run: onnx-int8" in text
    assert change_rows(compare(full(), RUNS["failures only"])) == []
