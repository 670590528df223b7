"""The whole bench, from Python and from the command line: what it refuses, measures, compares, judges and writes."""

import csv
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from made_up import HOT, QUICK, TRUTH, bench, failed, measured, save_digits, streams
from shared_fixtures import Run
from typer.testing import CliRunner, Result

from edgecnn.bench import run as bench_run
from edgecnn.bench.compare import compare
from edgecnn.bench.figures import summarize
from edgecnn.bench.reports.conditions import conditions
from edgecnn.bench.reports.document import read, to_json
from edgecnn.bench.results import Bench
from edgecnn.bench.rules import RuleHit, parse
from edgecnn.bench.run import Outcome
from edgecnn.cli import app
from edgecnn.data import Dataset
from edgecnn.errors import BenchError, DataError, EdgecnnError, ModelError, OutputError, UsageError
from edgecnn.folder import ModelFolder
from edgecnn.progress import Progress

pytestmark = pytest.mark.slow  # nearly every test starts processes that measure
RUNTIME = ("--runtime", "onnxruntime")
PLAIN = ("tf-call", "onnx-int8")


@pytest.fixture(scope="module")
def digits(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_digits(mnist, tmp_path_factory.mktemp("data") / "few.npz")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> ModelFolder:
    """The tiny model, and beside it one that claims to be its int8 and is cut off."""
    made = ModelFolder(tmp_path / "model")
    made.path.mkdir()
    shutil.copy(tiny, made.onnx("float32"))
    made.onnx("int8").write_bytes(tiny.read_bytes()[:5000])
    return made


@pytest.fixture(scope="module")
def outcome(tiny: Path, digits: Path) -> Outcome:
    """One real run. Do not change it."""
    return bench_run.bench([tiny], QUICK, data=digits, runtimes=["onnxruntime"])


@pytest.fixture(scope="module")
def earlier(outcome: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("earlier") / "b.json"
    bench_run.write_report(outcome, "json", path)
    return path


def one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


# From Python


def test_the_outcome_has_the_figures_of_each_contender(outcome: Outcome, digits: Path) -> None:
    (row,) = outcome.summary.rows
    assert (row.name, row.reference, row.failure, row.images) == ("onnx-tiny", "onnx-tiny", None, 20)
    assert row.p50_us is not None
    assert row.p50_us > 0
    assert row.processes is not None
    assert 1 <= row.processes <= 3
    assert (outcome.comparison, outcome.held, outcome.unjudged, outcome.complete) == (None, (), (), True)
    assert outcome.summary.bench.plan == QUICK
    assert outcome.summary == summarize(outcome.summary.bench)


def test_an_earlier_run_is_compared_and_rules_are_judged(
    tiny: Path, digits: Path, earlier: Path, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    found = bench_run.bench(
        [tiny],
        QUICK,
        data=digits,
        runtimes=iter(["onnxruntime"]),
        earlier=earlier,
        fail_if=["onnx-tiny.p50_us > 1e9", "onnx-tiny.p50_us > 0"],
        reports=[tmp_path / "new" / "b.csv"],
        progress=seen.append,
    )
    assert found.complete
    assert [item.rule.text for item in found.held] == ["onnx-tiny.p50_us > 0"]
    assert found.comparison is not None
    assert (found.comparison.earlier, found.comparison.forced) == (read(earlier).started, ())
    changes = {change.figure: change for change in found.comparison.changes}
    assert {"accuracy", "p50_us", "throughput_ips", "init_ms", "peak_mib", "file_bytes"} <= set(changes)
    assert changes["accuracy"].verdict == changes["file_bytes"].verdict == "no difference shown"
    assert seen[0].done == 0
    bench_run.write_report(found, "csv", tmp_path / "new" / "b.csv")
    assert (tmp_path / "new" / "b.csv").read_text().startswith("name,")


@pytest.fixture
def wrong(earlier: Path, tmp_path: Path) -> Path:
    """A folder of files that are no runs to compare with."""
    run = read(earlier)
    (tmp_path / "cut.json").write_bytes(earlier.read_bytes()[:-500])
    (tmp_path / "foreign.json").write_text('{"version": "1.0", "benchmarks": []}')
    (tmp_path / "threads.json").write_text(to_json(summarize(replace(run, plan=replace(run.plan, threads=2)))))
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "value", "error", "message"),
    [
        ("earlier", Path("none.json"), BenchError, "cannot read"),
        ("earlier", Path("cut.json"), BenchError, "is not what this version's"),
        ("earlier", Path("foreign.json"), BenchError, "is not what this version's"),
        ("earlier", Path("threads.json"), BenchError, "threads was 2, now 1"),
        ("reports", [Path("cut.json/b.csv")], OutputError, "cannot write"),
        ("reports", [Path("b.csv"), Path()], OutputError, "it is a folder"),
        ("plan", replace(QUICK, batch=21), BenchError, "--batch 21 is more than the 20 test images"),
        ("fail_if", ["onnx-tiny.p95_us > 1"], UsageError, "a figure that the bench does not have"),
        ("fail_if", ["onnx-tiny.p50_us > 1", "tf-call.p50_us > 1"], UsageError, "choose one of onnx-tiny$"),
        ("fail_if", ["import os"], UsageError, "is not a rule"),
        ("runtimes", ["tvm"], UsageError, "no runtime 'tvm': choose one of tensorflow, onnxruntime"),
        ("data", Path("nowhere"), DataError, "nowhere is not a data set"),
        ("models", [Path("none.onnx")], ModelError, "none.onnx"),
        ("models", [Path()], BenchError, "nothing to measure"),
    ],
)
def test_what_is_wrong_is_found_before_anything_is_measured(
    argument: str,
    value: Any,
    error: type[EdgecnnError],
    message: str,
    tiny: Path,
    digits: Path,
    wrong: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(wrong)
    before, seen = sorted(wrong.rglob("*")), list[Progress]()
    given = {"models": [tiny], "plan": QUICK, "data": digits, "runtimes": ["onnxruntime"], "progress": seen.append}
    with pytest.raises(error, match=message) as caught:
        bench_run.bench(**{**given, argument: value})
    assert len(str(caught.value).splitlines()) == 1
    assert seen == []
    assert sorted(wrong.rglob("*")) == before


def test_a_rule_that_cannot_be_judged_does_not_cost_the_figures(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench(failed("onnx-tiny", "it broke"))
    monkeypatch.setattr(bench_run, "measure_entries", lambda *_, **__: run)
    found = bench_run.bench([tiny], QUICK, runtimes=["onnxruntime"], fail_if=["onnx-tiny.p50_us > 1"])
    assert found.summary.bench is run
    assert found.unjudged == ("'onnx-tiny.p50_us > 1' cannot be judged, onnx-tiny has no p50_us: it broke",)
    assert (found.held, found.complete) == ((), False)


def test_a_report_that_cannot_be_written_is_an_output_error(outcome: Outcome, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for form in bench_run.FORMATS:
        with pytest.raises(OutputError, match="cannot write"):
            bench_run.write_report(outcome, form, tmp_path / "file" / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("broken", ["float32", "int8"])
def test_a_broken_file_fails_its_own_contender_only(
    broken: Literal["float32", "int8"], folder: ModelFolder, tiny: Path, digits: Path
) -> None:
    """Whichever of a folder's files it is: there is no card that says what the others take."""
    shutil.copy(tiny, folder.onnx("int8"))
    folder.onnx(broken).write_bytes(tiny.read_bytes()[:5000])
    rows = bench_run.bench([folder.path], QUICK, data=digits, runtimes=["onnxruntime"]).summary.rows
    assert [row.failure is not None for row in rows] == [broken == "float32", broken == "int8"]
    for row in rows:
        if row.failure:
            assert folder.onnx(broken).name in row.failure
        else:
            assert row.reference == row.name


# From the command line: mistakes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--compare", "cut.json"], ["cut.json is not what", "measure again"]),
        (["--compare", "foreign.json"], ["foreign.json is not what", "missing required field", "measure again"]),
        (["--json", "cut.json/b.json"], ["cannot write", "cut.json", "choose another path"]),
        (["--html", "."], ["cannot write", "it is a folder"]),
        (["--batch", "21"], ["--batch 21 is more than the 20 test images"]),
        (["--scenario", "server", "--rate", "0"], ["rates are (0.0,): give numbers above 0"]),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_leaves_nothing(
    options: list[str], words: list[str], edgecnn: Run, tiny: Path, digits: Path, wrong: Path
) -> None:
    before = sorted(wrong.rglob("*"))
    one_line(edgecnn("bench", tiny, *RUNTIME, "--data", digits, *options, cwd=wrong), 1, *words)
    assert sorted(wrong.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fail-if", "onnx-tiny.p95_us > 1"], ["a figure that the bench does not have", "p50_us, p90_us, p99_us"]),
        (["--fail-if", "onnx-int8.p50_us > 1"], ["a contender that this run does not have", "choose one of onnx-tiny"]),
        (["--fail-if", "__import__('os').system('touch owned') > 1"], ["is not a rule"]),
        (["--runtime", "tvm"], ["there is no runtime 'tvm'", "tensorflow, onnxruntime, litert, openvino, ncnn, mnn"]),
    ],
)
def test_what_there_is_not_is_wrong_usage_and_lists_what_there_is(
    options: list[str], words: list[str], edgecnn: Run, tiny: Path, tmp_path: Path
) -> None:
    one_line(edgecnn("bench", tiny, *RUNTIME, *options, cwd=tmp_path), 2, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--threads", "0"], "--threads"),
        (["--batch", "-2"], "--batch"),
        (["--duration", "-1"], "--duration"),
        (["--duration", "nan"], "--duration"),
        (["--timeout", "0"], "--timeout"),
        (["--scenario", "multi-stream"], "single-stream"),
        (["--rate", "fast"], "--rate"),
    ],
)
def test_values_that_cannot_be_are_wrong_usage(options: list[str], word: str, tiny: Path) -> None:
    done = CliRunner().invoke(app, ["bench", str(tiny), *options])
    assert (done.exit_code, done.stdout) == (2, "")
    assert word in done.stderr


# From the command line: real runs


@pytest.fixture(scope="module")
def written(
    edgecnn_in_one_process: Run, tiny: Path, digits: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A run with every report and two rules that do not hold. Do not change it."""
    folder = tmp_path_factory.mktemp("reports")
    files = [word for form, name in FILES.items() for word in (f"--{form}", name)]
    rules = ["--fail-if", "onnx-tiny.p50_us > 1e9", "--fail-if", "onnx-tiny.accuracy < 1 %"]
    done = edgecnn_in_one_process(
        "bench", tiny, *RUNTIME, "--data", digits, "--duration", "0.1", *files, *rules, cwd=folder
    )
    return done, folder


FILES = {"json": "b.json", "csv": "b.csv", "markdown": "sub/b.md", "html": "b.html"}


def test_every_report_is_written_and_the_table_printed(
    written: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = written
    assert (done.returncode, done.stderr) == (0, "")
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == sorted(FILES.values())
    summary = summarize(read(folder / "b.json"))
    (row,) = summary.rows
    (line,) = csv.DictReader((folder / "b.csv").read_text().splitlines())
    assert float(line["p50_us"]) == row.p50_us
    assert (folder / "sub" / "b.md").read_text().count("onnx-tiny") >= 2
    assert (folder / "b.html").read_text().lower().startswith("<!doctype html")
    assert f"{row.accuracy:.2%}" in done.stdout
    assert set(conditions(summary)) <= set(done.stdout.splitlines())
    assert "…" not in done.stdout


def test_a_rule_that_holds_exits_with_3_and_is_told_beside_the_json(
    written: tuple[subprocess.CompletedProcess[str], Path], edgecnn_in_one_process: Run, tiny: Path, digits: Path
) -> None:
    """The same command as before, compared with it."""
    rules = ["onnx-tiny.p50_us > 0", "onnx-tiny.p50_us > 1e9", "onnx-tiny.images == 20"]
    options = ["--compare", str(written[1] / "b.json"), "--json", "-", "--duration", "0.1"]
    given = [word for rule in rules for word in ("--fail-if", rule)]
    done = edgecnn_in_one_process("bench", tiny, *RUNTIME, "--data", digits, *options, *given)
    assert done.returncode == 3, done.stderr
    document = json.loads(done.stdout)
    (row,) = document["contenders"]
    assert done.stderr.splitlines() == [
        f"rule held: onnx-tiny.p50_us > 0: onnx-tiny.p50_us is {row['p50_us']:.6g}",
        "rule held: onnx-tiny.images == 20: onnx-tiny.images is 20",
    ]
    comparison = document["comparison"]
    assert (comparison["forced"], comparison["notes"]) == ([], written_notes(written[1]))
    assert {change["contender"] for change in comparison["changes"]} == {"onnx-tiny"}
    then = {change["figure"]: change["then"] for change in comparison["changes"]}
    assert then["accuracy"] == row["accuracy"]
    assert then["p50_us"] > 0


def written_notes(folder: Path) -> list[str]:
    """All that may differ between two runs of one command is how quiet the machine was."""
    stability_issues = read(folder / "b.json").stability_issues
    return (
        ["the earlier run was unstable: " + "; ".join(issue.reason for issue in stability_issues)]
        if stability_issues
        else []
    )


def test_a_run_with_other_threads_is_refused_and_with_force_shown_as_forced(
    written: tuple[subprocess.CompletedProcess[str], Path],
    edgecnn_in_one_process: Run,
    tiny: Path,
    digits: Path,
    tmp_path: Path,
) -> None:
    """The report may overwrite the very file that is compared with."""
    shutil.copy(written[1] / "b.json", tmp_path / "b.json")
    options = ["--compare", "b.json", "--json", "b.json", "--threads", "2", "--duration", "0.1"]
    command = ["bench", tiny, *RUNTIME, "--data", digits, *options]
    one_line(edgecnn_in_one_process(*command, cwd=tmp_path), 1, "not comparable: threads was 1, now 2;", "--force")
    assert (tmp_path / "b.json").read_bytes() == (written[1] / "b.json").read_bytes()
    done = edgecnn_in_one_process(*command, "--force", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "FORCED: the two runs are not comparable: threads was 1, now 2" in lines
    assert any(line.split()[:3] == ["contender", "figure", "then"] for line in lines)
    assert any(line.split()[:2] == ["onnx-tiny", "p50_us"] for line in lines)
    assert json.loads((tmp_path / "b.json").read_text())["comparison"]["forced"] == ["threads was 1, now 2"]
    assert read(tmp_path / "b.json").plan.threads == 2


def test_a_contender_that_fails_has_its_reason_and_the_others_are_measured(
    edgecnn_in_one_process: Run, folder: ModelFolder, digits: Path
) -> None:
    rule = ["--fail-if", "onnx-int8.p50_us > 1"]
    done = edgecnn_in_one_process(
        "bench", folder.path, *RUNTIME, "--data", digits, "--duration", "0.1", "--csv", "-", *rule
    )
    assert done.returncode == 1
    good, broken = csv.DictReader(done.stdout.splitlines())
    assert (good["name"], good["failure"], broken["name"], broken["p50_us"]) == ("onnx-float32", "", "onnx-int8", "")
    assert float(good["p50_us"]) > 0
    assert "model.int8.onnx" in broken["failure"]
    assert done.stderr.splitlines() == [
        f"error: onnx-int8 failed: {broken['failure']}",
        f"error: 'onnx-int8.p50_us > 1' cannot be judged, onnx-int8 has no p50_us: {broken['failure']}",
    ]


# From the command line: what came of a run, and how that is told


def told(run: Bench, monkeypatch: pytest.MonkeyPatch, *options: str, **found: Any) -> Result:
    """The command with a run that was measured beforehand."""
    made = replace(Outcome(summarize(run), None, (), ()), **found)
    monkeypatch.setattr(bench_run, "bench", lambda *_, **__: made)
    return CliRunner().invoke(app, ["bench", "model", *options])


TWO = bench(*(measured(name, streams([10] * 6), given=TRUTH) for name in PLAIN))


@pytest.mark.parametrize("form", bench_run.FORMATS)
def test_a_report_to_stdout_is_all_that_is_there(form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = replace(TWO, stability_issues=(HOT,))
    comparison = compare(run, run)
    done = told(run, monkeypatch, f"--{form}", "-", comparison=comparison)
    assert done.exit_code == 0, done.output
    assert (done.stdout_bytes.decode(), done.stderr) == (bench_run.FORMATS[form](summarize(run), comparison), "")
    monkeypatch.chdir(tmp_path)
    done = told(run, monkeypatch, f"--{form}", "-", "--csv" if form != "csv" else "--json", "other")
    assert done.stdout_bytes.decode() == bench_run.FORMATS[form](summarize(run), None)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_two_reports_to_stdout_are_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    done = told(TWO, monkeypatch, "--markdown", "-", "--csv", "-")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "error: --csv and --markdown would both write to stdout: give each a file of its own\n"


HOLDS = (RuleHit(parse("onnx-int8.p50_us > 1"), 10.0),)


@pytest.mark.parametrize(
    ("run", "found", "code", "errors"),
    [
        (TWO, {}, 0, []),
        (replace(TWO, stability_issues=(HOT,)), {}, 0, []),  # a machine's unrest is no failure
        (TWO, {"held": HOLDS}, 3, ["rule held: onnx-int8.p50_us > 1: onnx-int8.p50_us is 10"]),
        (TWO, {"unjudged": ("cannot be judged",)}, 1, ["error: cannot be judged"]),
        (
            replace(TWO, partial=True),
            {},
            1,
            ["error: stopped before the end; the figures are of what was measured so far"],
        ),
        (bench(*TWO.measurements, failed("onnx-x", "it broke")), {}, 1, ["error: onnx-x failed: it broke"]),
        (
            bench(*TWO.measurements, failed("onnx-x", "it broke")),
            {"held": HOLDS},
            1,
            ["error: onnx-x failed: it broke", "rule held: onnx-int8.p50_us > 1: onnx-int8.p50_us is 10"],
        ),
        (bench(failed("onnx-x", "it broke")), {}, 1, ["error: onnx-x failed: it broke"]),
    ],
)
def test_the_exit_code_tells_what_came_of_it_and_stderr_why(
    run: Bench, found: dict[str, Any], code: int, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = told(run, monkeypatch, **found)
    assert (done.exit_code, done.stderr.splitlines()) == (code, errors)
    assert "onnx-" in done.stdout
    for line in conditions(summarize(run)):
        assert line in done.stdout.splitlines()


PARTIAL = replace(TWO, partial=True)


@pytest.mark.parametrize("form", FILES)
def test_a_partial_run_does_not_replace_an_earlier_report(
    form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    earlier, new = tmp_path / "earlier", tmp_path / "new"
    earlier.write_text("a complete run")
    done = told(PARTIAL, monkeypatch, f"--{form}", str(earlier))
    assert (done.exit_code, earlier.read_text()) == (1, "a complete run")
    assert f"{earlier} stays as it was" in done.stderr
    assert "onnx-int8" in done.stdout
    done = told(PARTIAL, monkeypatch, f"--{form}", str(new))
    assert new.read_bytes().decode() == bench_run.FORMATS[form](summarize(PARTIAL), None)
    assert "stays" not in done.stderr


def test_a_screen_that_cannot_print_costs_no_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(_: Outcome) -> None:
        raise OutputError("cannot write to stdout: it is full")

    monkeypatch.setattr("edgecnn.commands.bench.print_bench", full)
    done = told(TWO, monkeypatch, "--json", str(tmp_path / "b.json"), unjudged=("a rule cannot be judged",))
    assert done.exit_code == 1
    assert read(tmp_path / "b.json") == TWO
    assert done.stderr.splitlines() == ["error: a rule cannot be judged", "error: cannot write to stdout: it is full"]


def test_a_report_that_cannot_be_written_costs_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    wanted = ["--csv", str(tmp_path / "file" / "b.csv"), "--json", str(tmp_path / "b.json")]
    done = told(TWO, monkeypatch, *wanted)
    assert done.exit_code == 1
    assert read(tmp_path / "b.json") == TWO
    assert "cannot write" in done.stderr
    assert "onnx-int8" in done.stdout


def test_what_was_not_scored_is_told_beside_its_timings(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = TWO.measurements
    unscored = replace(second, answers=None, accuracy=None, unscored="it did not answer in time")
    run = replace(TWO, measurements=(first, unscored))
    done = told(run, monkeypatch, unjudged=run.unscored)
    assert done.exit_code == 1
    assert done.stderr == "error: onnx-int8 was not scored: it did not answer in time\n"
    assert "onnx-int8 was not scored: it did not answer in time" in done.stdout.splitlines()
    assert summarize(run).rows[1].p50_us is not None
    for form in ("markdown", "html"):
        assert "it did not answer in time" in bench_run.FORMATS[form](summarize(run), None)
