"""One contender's way through its rounds: its processes, its time limit, and what is left of it when it fails."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import psutil
import pytest
from test_bench_runners import contender

from edgecnn.bench import contender_run as contender_runs
from edgecnn.bench.contender_run import ContenderRun
from edgecnn.bench.results import Plan
from edgecnn.data import Dataset, load
from edgecnn.runtime.classifier import Classifier

# The quickest plan that has it all: every round still has a query.
PLAN = Plan(duration=0.05, warm_up=0.01, warm_up_queries=2, rounds=3, queries=10)
IMAGES = 200
pytestmark = pytest.mark.slow  # nearly every test starts a process
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
Make = Callable[..., ContenderRun]


def save_digits(mnist: Dataset, path: Path) -> Path:
    """Real digits in a file of their own: 60 to train with, IMAGES to test."""
    train, test = mnist.train, mnist.test
    np.savez(
        path,
        x_train=train.images[:60],
        y_train=train.labels[:60],
        x_test=test.images[:IMAGES],
        y_test=test.labels[:IMAGES],
    )
    return path


@pytest.fixture(scope="module")
def digits(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load(save_digits(mnist, tmp_path_factory.mktemp("data") / "digits.npz"))


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny, tmp_path / "model.onnx"))


@pytest.fixture
def make(digits: Dataset, model: Path, tmp_path: Path) -> Iterator[Make]:
    """Lanes that are closed with the test; by default of the tiny model, in onnxruntime."""
    images = tmp_path / "images.npy"
    np.save(images, digits.test.images)
    made: list[ContenderRun] = []

    def one(file: Path = model, dataset: Dataset | None = digits, plan: Plan = PLAN) -> ContenderRun:
        made.append(ContenderRun(contender("onnxruntime", "model", file), images, dataset, plan))
        return made[-1]

    yield one
    for each in made:
        each.close()


@pytest.fixture
def keeps_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contender_runs, "STARTS_QUICKLY", 0.0)


def pids() -> list[int]:
    return [child.pid for child in psutil.Process().children()]


def through(contender_run: ContenderRun, rounds: int = PLAN.rounds) -> list[int]:
    """Start a contender_run and take rounds; the process that each of them left."""
    contender_run.start()
    seen = []
    for number in range(rounds):
        contender_run.round(number)
        seen += pids()
    return seen


def test_a_contender_that_starts_quickly_has_a_new_process_each_round(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contender_runs, "STARTS_QUICKLY", 1e6)
    contender_run = make()
    seen = through(contender_run)
    assert len(set(seen)) == len(seen) == PLAN.rounds  # and one at a time
    found = contender_run.measurement
    assert (len(found.loads), len(found.memories), len(found.rounds)) == (PLAN.rounds,) * 3
    assert found.failure is None


def test_a_contender_that_starts_slowly_keeps_its_process(make: Make, keeps_its_process: None) -> None:
    contender_run = make()
    seen = through(contender_run)
    assert len(seen) == PLAN.rounds
    assert len(set(seen)) == 1
    found = contender_run.measurement
    assert (len(found.loads), len(found.memories), len(found.rounds)) == (1, PLAN.rounds, PLAN.rounds)


def test_each_load_lasts_from_the_start_of_its_process(make: Make) -> None:
    contender_run = make()
    through(contender_run, 1)
    (loaded,) = contender_run.measurement.loads
    assert loaded.cold_ns > loaded.import_ns + loaded.init_ns + loaded.first_ns
    assert min(loaded.import_ns, loaded.init_ns, loaded.first_ns) > 0


def test_a_finished_lane_has_a_floor_answers_and_their_accuracy(make: Make, model: Path, digits: Dataset) -> None:
    contender_run = make()
    through(contender_run, 1)
    contender_run.finish()
    found = contender_run.measurement
    expected = Classifier(model).predict(digits.test.images).argmax(axis=1)
    assert found.answers == tuple(expected.tolist())
    assert found.accuracy is not None
    right = int((expected == digits.test.labels).sum())
    assert (found.accuracy.split, found.accuracy.correct, found.accuracy.images) == ("test", right, IMAGES)
    assert min(found.floor_ns) > 0
    assert found.file_bytes == model.stat().st_size
    assert all(memory.peak >= memory.steady > 20 * 2**20 for memory in found.memories)


def test_without_data_nothing_is_answered(make: Make) -> None:
    contender_run = make(dataset=None)
    through(contender_run, 1)
    contender_run.finish()
    found = contender_run.measurement
    assert (found.answers, found.accuracy, found.failure) == (None, None, None)
    assert len(found.rounds) == 1
    assert found.floor_ns


def test_before_it_starts_there_is_but_the_files_size(make: Make, model: Path) -> None:
    found = make().measurement
    assert found.file_bytes == model.stat().st_size
    assert (found.loads, found.rounds, found.memories, found.floor_ns) == ((), (), (), ())
    assert (found.answers, found.accuracy, found.failure) == (None, None, None)


def killed(pid: int, model: Path) -> None:
    os.kill(pid, signal.SIGKILL)


def stopped(pid: int, model: Path) -> None:
    os.kill(pid, signal.SIGSTOP)


def deleted(pid: int, model: Path) -> None:
    model.unlink()


def changed(pid: int, model: Path) -> None:
    odd.save(odd.linear(), model)


@POSIX
@pytest.mark.parametrize(
    ("accident", "reason"),
    [
        (killed, "its process ended (warm_up): signal 9"),
        (stopped, "its process did not answer in time (warm_up): raise --timeout if it is only slow"),
        (deleted, "{} was changed or removed while it was measured: measure again"),
        (changed, "{} was changed or removed while it was measured: measure again"),
    ],
)
def test_what_went_before_an_accident_is_kept_and_nothing_more_is_asked(
    accident: Callable[[int, Path], None], reason: str, make: Make, model: Path, keeps_its_process: None
) -> None:
    contender_run = make()
    through(contender_run, 2)
    (pid,) = pids()
    accident(pid, model)
    contender_run.plan = replace(PLAN, timeout=0.2)
    contender_run.round(2)
    found = contender_run.measurement
    assert found.failure == reason.format(model)
    assert pids() == []
    assert (len(found.rounds), len(found.memories)) == (2, 2)
    contender_run.round(2)
    contender_run.finish()
    assert contender_run.measurement == found
    assert pids() == []


@POSIX
@pytest.mark.parametrize("accident", [killed, stopped])
def test_what_was_timed_stays_if_the_contender_cannot_be_scored(
    accident: Callable[[int, Path], None], make: Make, model: Path, keeps_its_process: None
) -> None:
    contender_run = make()
    through(contender_run)
    (pid,) = pids()
    accident(pid, model)
    contender_run.plan = replace(PLAN, timeout=0.2)
    contender_run.finish()
    found = contender_run.measurement
    assert (found.failure, found.answers, found.accuracy) == (None, None, None)
    assert found.unscored is not None
    assert found.unscored.startswith("its process ")
    assert len(found.rounds) == PLAN.rounds
    assert pids() == []


def test_a_slow_contender_is_scored_in_parts_each_within_the_limit(
    make: Make, keeps_its_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Clocked):
        def ask(self, command: str, limit: float, **arguments: Any) -> dict[str, Any]:
            if command == "floor":
                return {"ns": [1]}
            if command == "answers":
                self.limits.append((command, limit))
                return {"labels": [1] * min(30, IMAGES - arguments["start"])}
            return super().ask(command, limit, **arguments)

    process = Slow()
    monkeypatch.setattr(contender_runs, "WorkerProcess", lambda *_: process)
    contender_run = make()
    contender_run.start()
    contender_run.round(0)
    contender_run.finish()
    assert contender_run.measurement.answers == (1,) * IMAGES
    parts = [limit for command, limit in process.limits if command == "answers"]
    assert len(parts) == 7
    assert min(parts) > PLAN.timeout


def test_a_contender_that_does_not_start_is_asked_for_nothing_more(make: Make, tmp_path: Path) -> None:
    path = odd.save(odd.filled(odd.linear(), np.nan), tmp_path / "nan.onnx")
    contender_run = make(path)
    contender_run.start()
    assert pids() == []
    contender_run.round(0)
    contender_run.finish()
    found = contender_run.measurement
    assert found.failure is not None
    assert "not finite" in found.failure
    assert (found.loads, found.rounds, found.answers) == ((), (), None)


def test_a_file_that_is_gone_at_the_start_is_named(make: Make, model: Path) -> None:
    contender_run = make()
    model.unlink()
    contender_run.start()
    assert contender_run.failure is not None
    assert f"{model} does not exist" in contender_run.failure


def test_a_bug_in_the_coordinator_keeps_its_traceback(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise ZeroDivisionError

    contender_run = make()
    monkeypatch.setattr(ContenderRun, "_start", broken)
    with pytest.raises(ZeroDivisionError):
        contender_run.start()


class Clocked:
    """A process that takes as long for each command as is said beforehand; `clock` is the time."""

    started_ns = 0

    def __init__(self, *_: Any) -> None:
        self.clock = 0.0
        self.takes: dict[str, float] = {}
        self.limits: list[tuple[str, float]] = []

    def ask(self, command: str, limit: float, **_: Any) -> dict[str, Any]:
        self.limits.append((command, round(limit, 6)))
        self.clock += self.takes.get(command, 0.0)
        answers: dict[str, dict[str, Any]] = {
            "import_runtime": {"ns": 1},
            "load": {"init_ns": 1, "first_ns": 1},
            "warm_up": {"ns": 1},
            "stream": {"queries": 1, "elapsed_ns": 1, "ns": [1]},
            "memory": {"peak": 1, "steady": 1},
        }
        return answers[command]

    def close(self) -> None:
        pass


def test_the_limit_is_for_each_command_beyond_the_time_that_it_should_take(
    make: Make, keeps_its_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Clocked()
    monkeypatch.setattr(contender_runs, "WorkerProcess", lambda *_: process)
    monkeypatch.setattr("time.perf_counter", lambda: process.clock)
    contender_run = make(plan=replace(PLAN, duration=30.0, rounds=3, timeout=10.0))
    process.takes = {"import_runtime": 9.0, "load": 9.0, "warm_up": 9.0, "stream": 19.0}  # a round has ten seconds
    contender_run.start()
    contender_run.round(0)
    contender_run.round(1)
    limits = dict(process.limits)
    assert [limit for command, limit in process.limits if command == "stream"] == [20.0, 20.0]
    assert (limits["import_runtime"], limits["load"], limits["memory"]) == (10.0, 10.0, 10.0)
    assert contender_run.failure is None


def test_a_new_process_is_warmed_up_with_the_plans_batch_and_queries(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    class Noted(Clocked):
        def ask(self, command: str, limit: float, **arguments: Any) -> dict[str, Any]:
            asked.append((command, arguments))
            return super().ask(command, limit)

    monkeypatch.setattr(contender_runs, "WorkerProcess", Noted)
    make(plan=replace(PLAN, batch=8, warm_up_queries=7)).start()
    assert [command for command, _ in asked] == ["import_runtime", "load", "warm_up"]
    assert (asked[2][1]["batch"], asked[2][1]["queries"]) == (8, 7)
    assert 0 < asked[2][1]["seconds"] <= PLAN.warm_up
