"""Real worker processes: what they answer, how each way of ending is told, and that none is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import psutil
import pytest
from process_checks import ends_within
from test_bench_runners import contender

from edgecnn.bench import Runtime
from edgecnn.bench.contenders import Contender
from edgecnn.bench.worker_process import WorkerProcess, empty_python
from edgecnn.data import Dataset
from edgecnn.errors import BenchError
from edgecnn.runtime.classifier import Classifier

LIMIT = 60.0  # seconds: far more than anything here takes
pytestmark = pytest.mark.slow  # nearly every test starts a process
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and sessions")
Start = Callable[[Contender], WorkerProcess]


@pytest.fixture(scope="module")
def images(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "images.npy"
    np.save(path, mnist.test.images[:300])
    return path


@pytest.fixture
def start(images: Path) -> Iterator[Start]:
    """Start workers that end with the test."""
    started: list[WorkerProcess] = []

    def one(item: Contender) -> WorkerProcess:
        started.append(WorkerProcess(item, images))
        return started[-1]

    yield one
    for process in started:
        process.close()


@pytest.fixture
def worker(start: Start, tiny: Path) -> WorkerProcess:
    """A worker that has loaded the tiny model."""
    process = start(contender("onnxruntime", "tiny", tiny))
    process.ask("load", LIMIT)
    return process


def stream(process: WorkerProcess, **changes: Any) -> Any:
    return process.ask("stream", LIMIT, **{"batch": 1, "seconds": 0.01, "queries": 3, "cap": 5.0, **changes})


def test_a_worker_does_each_command_and_answers(worker: WorkerProcess, tiny: Path, mnist: Dataset) -> None:
    streamed = stream(worker)
    assert streamed["queries"] >= 3
    assert streamed["elapsed_ns"] >= sum(streamed["ns"])
    arrived = worker.ask("arrivals", LIMIT, batch=8, rate=1000.0, count=20, patience=10.0, seed=1)
    assert arrived["queries"] == 20
    memory = worker.ask("memory", LIMIT)
    assert memory["peak"] >= memory["steady"] > 20 * 2**20  # numpy and onnxruntime alone take more
    assert min(worker.ask("floor", LIMIT)["ns"]) > 0
    expected = Classifier(tiny).predict(mnist.test.images[:300]).argmax(axis=1)
    assert worker.ask("answers", LIMIT, start=0, seconds=LIMIT)["labels"] == expected.tolist()


def test_a_worker_that_hangs_is_ended_at_the_time_limit(start: Start, tmp_path: Path) -> None:
    hanging = start(contender("onnxruntime", "endless", odd.save(odd.endless(), tmp_path / "endless.onnx")))
    started = time.monotonic()
    with pytest.raises(BenchError, match=r"did not answer in time \(load\): raise --timeout"):
        hanging.ask("load", 1.0)
    assert 1.0 <= time.monotonic() - started < LIMIT
    assert hanging.process.returncode == -signal.SIGKILL


@POSIX
def test_a_worker_that_is_stopped_is_ended_too(worker: WorkerProcess) -> None:
    os.kill(worker.process.pid, signal.SIGSTOP)
    with pytest.raises(BenchError, match=r"answer in time \(memory\)"):
        worker.ask("memory", 0.1)
    assert not psutil.pid_exists(worker.process.pid)


@POSIX
def test_a_limit_that_passes_is_told_as_such_each_time(start: Start, tiny: Path) -> None:
    """And never as the signal that ends the worker, whichever thread is the first to notice."""
    for _ in range(5):
        process = start(contender("onnxruntime", "tiny", tiny))
        with pytest.raises(BenchError, match="answer in time"):
            process.ask("load", 0.001)


@POSIX
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_worker_that_a_signal_ends_says_which(number: signal.Signals, worker: WorkerProcess) -> None:
    os.kill(worker.process.pid, number)
    with pytest.raises(BenchError, match=rf"^its process ended \(memory\): signal {number.value}$"):
        worker.ask("memory", LIMIT)


@POSIX
def test_a_worker_that_is_killed_while_it_works_says_so(worker: WorkerProcess) -> None:
    """Its end is noticed at once, not at the limit."""
    timer = threading.Timer(0.2, os.kill, (worker.process.pid, signal.SIGKILL))
    timer.start()
    started = time.monotonic()
    with pytest.raises(BenchError, match=r"^its process ended \(stream\): signal 9$"):
        stream(worker, seconds=LIMIT, cap=LIMIT)
    assert time.monotonic() - started < LIMIT / 2


def test_a_worker_that_raises_leaves_the_last_line_of_its_traceback(worker: WorkerProcess) -> None:
    with pytest.raises(BenchError, match=r"^its process ended \(dance\): AttributeError: 'Worker' object has no .*"):
        worker.ask("dance", LIMIT)
    with pytest.raises(BenchError, match=r"^its process ended \(memory\): AttributeError"):  # and goes on saying so
        worker.ask("memory", LIMIT)


def test_an_error_that_the_user_can_mend_is_an_answer_and_ends_nothing(
    start: Start, tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(tiny.read_bytes()[:5000])
    process = start(contender("onnxruntime", "half", path))
    for _ in range(2):
        with pytest.raises(BenchError, match=r"half\.onnx cannot be opened.* truncated or not an ONNX file"):
            process.ask("load", LIMIT)
    assert process.ask("memory", LIMIT)["peak"] > 0


def test_closing_leaves_no_process_whatever_it_was_doing(start: Start, tiny: Path) -> None:
    idle, busy = (start(contender("onnxruntime", "tiny", tiny)) for _ in range(2))
    assert busy.process.stdin is not None
    idle.ask("load", LIMIT)
    busy.process.stdin.write('{"do": "load"}\n')
    busy.process.stdin.flush()
    for process in (idle, busy):
        process.close()
        assert not psutil.pid_exists(process.process.pid)
        assert process.log.closed


COORDINATOR = """
import os, signal
from pathlib import Path
from edgecnn.bench.contenders import Contender
from edgecnn.bench.worker_process import WorkerProcess
process = WorkerProcess(Contender("tiny", "tiny", "onnxruntime", "tiny", Path({file!r}), 1, 1), Path({images!r}))
process.ask("load", {limit})
print(process.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@POSIX
def test_a_worker_whose_coordinator_is_killed_ends_by_itself(tiny: Path, images: Path) -> None:
    code = COORDINATOR.format(file=str(tiny), images=str(images), limit=LIMIT)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert ends_within(2.0, int(done.stdout))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_no_runtime_has_a_process_run_beside_the_worker(runtime: Runtime, start: Start, tiny: Path) -> None:
    process = start(contender(runtime, "tiny", tiny))
    process.ask("load", LIMIT)
    assert psutil.Process(process.process.pid).children(recursive=True) == []


@POSIX
def test_a_worker_has_a_session_of_its_own_where_ctrl_c_does_not_reach_it(worker: WorkerProcess) -> None:
    assert os.getsid(worker.process.pid) == os.getpgid(worker.process.pid) == worker.process.pid
    assert os.getsid(worker.process.pid) != os.getsid(0)


def test_a_worker_finds_its_files_wherever_the_user_stands(
    start: Start, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    (tmp_path / "tiny.onnx").write_bytes(tiny.read_bytes())
    monkeypatch.chdir(tmp_path)
    process = start(contender("onnxruntime", "tiny", Path("tiny.onnx")))
    assert process.ask("load", LIMIT)["init_ns"] > 0


def test_an_empty_python_takes_some_megabytes_and_ends() -> None:
    before = psutil.Process().children()
    assert 5 * 2**20 < empty_python() < 40 * 2**20
    assert psutil.Process().children() == before
