"""A committed figure that got worse is found, whatever its file was called before."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures, regressions
from benchmarks.figures import Figure
from benchmarks.lib import paths, results


class Repository:
    """A project with results, and the commits that a test makes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "benchmarks" / "results").mkdir(parents=True)
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> None:
        who = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
        subprocess.run(["git", *who, *arguments], cwd=self.root, check=True, capture_output=True)

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        results.write_text(self.root / "benchmarks" / "results" / name, json.dumps(content))

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "results")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return Repository(tmp_path)


def seeds(correct: int, parameters: int = 7000) -> dict[str, Any]:
    right = {"correct": correct, "images": 10_000}
    return {"trainings": [{"recipe": "nano", "seed": 0, "parameters": parameters, "test": right, "int8": right}]}


def bench(speedup: float, file_bytes: int = 100) -> dict[str, Any]:
    row = {"name": "onnx-int8", "reference": "tf-xla", "speedup": speedup, "file_bytes": file_bytes}
    return {"contenders": [{"name": "tf-xla"}, row | {"speedup_low": speedup - 0.5, "speedup_high": speedup + 0.5}]}


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """The exit code and the lines."""
    with pytest.raises(SystemExit) as raised:
        regressions.main(arguments)
    assert isinstance(raised.value.code, int)
    return raised.value.code, capsys.readouterr().out.splitlines()


def test_a_fall_within_the_interval_is_none(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("seeds.json", seeds(9950))
    repository.commit()
    repository.write("seeds.json", seeds(9940))
    assert checked(capsys) == (0, ["no figure got worse"])


def test_every_fall_beyond_its_interval_is_a_line_and_the_exit_code_1(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("seeds.json", seeds(9950))
    repository.commit()
    repository.write("seeds.json", seeds(9930, parameters=7001))
    code, lines = checked(capsys)
    assert code == 1
    assert lines[0] == "benchmarks/results/seeds.json: nano: parameters was 7,000, now 7,001"
    assert lines[1].startswith("benchmarks/results/seeds.json: nano: mean accuracy, test was 99.50% (99.34% to 99.62%)")
    assert len(lines) == 3


def test_without_changes_since_the_commit_the_one_before_counts(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    for correct in (9950, 9900):
        repository.write("seeds.json", seeds(correct))
        repository.commit()
    repository.commit()
    assert checked(capsys)[0] == 1
    assert checked(capsys, "--since", "HEAD") == (0, ["no figure got worse"])
    assert checked(capsys, "--since", "HEAD~2")[0] == 1


def test_a_result_is_known_by_its_former_names(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("bench-edge.json", bench(10))
    repository.commit()
    (repository.root / "benchmarks/results/bench-edge.json").unlink()
    repository.write("bench-edge.json.gz", bench(10))
    repository.commit()
    assert checked(capsys) == (0, ["no figure got worse"])
    repository.write("bench-edge.json.gz", bench(9))
    assert checked(capsys) == (
        1,
        [
            "benchmarks/results/bench-edge.json.gz: onnx-int8: times faster than tf-xla was 10.00 (9.50 to 10.50), "
            "now 9.00 (8.50 to 9.50)"
        ],
    )


def test_what_is_no_longer_measured_is_told(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("seeds.json", seeds(9950))
    repository.commit()
    repository.write("seeds.json", {"trainings": []})
    code, lines = checked(capsys)
    assert (code, len(lines)) == (1, 3)
    assert all(line.endswith("now not measured") for line in lines)


def test_a_first_measurement_has_nothing_to_fall_from(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit()
    repository.write("seeds.json", seeds(100))
    assert checked(capsys) == (0, ["no figure got worse"])


def test_a_revision_that_is_not_there_is_an_error(repository: Repository) -> None:
    repository.write("seeds.json", seeds(100))
    with pytest.raises(SystemExit, match="error: git ls-tree"):
        regressions.main(["--since", "pear"])


@pytest.mark.parametrize(
    ("now", "worse"), [(0.91, False), (0.89, True), (0.99, False)], ids=["within", "below", "better"]
)
def test_more_is_better_for_shares_and_less_for_sizes(now: float, worse: bool) -> None:
    assert Figure(now, now, now).is_worse_than(Figure(0.95, 0.90, 1)) is worse
    small = Figure(-now, -now, -now, higher_is_better=False)
    assert small.is_worse_than(Figure(-0.95, -1, -0.90, higher_is_better=False)) is worse


@pytest.mark.parametrize("path", regressions.result_files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_committed_result_with_a_reader_has_figures(path: Path) -> None:
    # They weigh choices or count faults; nothing ships from them.
    unjudged = {"ablation.json", "kept_graph.json", "kills.json", "pareto.json", "training_speed.json"}
    unjudged |= {"applications.json", "conversion_speed.json", "fuzz.json", "memory.json", "sheet.json"}
    unjudged |= {
        "hostile_files.json",
        "calls.json",
        "instructions.json",
        "layouts.json",
        "install_size.json",
        "many_pictures.json",
        "outliers.json",
        "pictures.json",
        "serve.json",
        "third_party.json",
        "throughput.json",
        "tune.json",
        "web.json",
    }
    found = figures.figures_of(path.name, json.loads(results.read_bytes(path)))
    assert bool(found) == (path.name not in unjudged)
    assert all(figure.low <= figure.value <= figure.high for figure in found.values())
