"""What a worker does with its contender: how it times, what it keeps, and what it calls an error."""

import gc
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import pytest
from numpy.typing import NDArray
from test_bench_runners import contender

from edgecnn.bench import worker
from edgecnn.bench.runtimes.runner import Infer, Runner
from edgecnn.bench.worker import KEPT, POOL, Worker
from edgecnn.data import Dataset
from edgecnn.errors import BenchError
from edgecnn.processes.entry import answer
from edgecnn.runtime.classifier import Classifier

RATE = 5000.0  # arrivals a second
Make = Callable[..., Worker]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A hundred images of one pixel, each of its own brightness."""
    path = tmp_path / "images.npy"
    np.save(path, np.arange(100, dtype=np.uint8)[:, None, None])
    return path


@pytest.fixture
def make(images: Path) -> Make:
    """A worker whose contender is a function."""

    def one(infer: Infer, answered: int | None = 250, file: Path = images) -> Worker:
        made = Worker(contender("onnxruntime", "fake", file), file)
        made.runner = Runner(lambda batch: batch, infer, lambda: infer, answered)
        return made

    return one


def nothing(batch: NDArray[Any]) -> NDArray[Any]:
    return batch


def brightness(batch: NDArray[Any]) -> NDArray[Any]:
    """One-hot scores: an image's class is its brightness."""
    return np.asarray(np.eye(100)[batch[:, 0, 0]])


def slow(batch: NDArray[Any]) -> NDArray[Any]:
    time.sleep(0.002)
    return batch


@pytest.fixture
def collections() -> Iterator[list[str]]:
    """What the garbage collector does, as it does it."""
    phases: list[str] = []

    def note(phase: str, _: dict[str, int]) -> None:
        phases.append(phase)

    gc.callbacks.append(note)
    yield phases
    gc.callbacks.remove(note)


def test_the_garbage_collector_rests_while_queries_are_timed_and_works_again_afterwards(
    make: Make, collections: list[str]
) -> None:
    within: list[int] = []

    def wasteful(batch: NDArray[Any]) -> NDArray[Any]:
        before = len(collections)
        circles: list[list[Any]] = [[] for _ in range(2000)]  # more than a collection waits for
        for circle in circles:
            circle.append(circle)
        within.append(len(collections) - before)
        return batch

    wasteful(np.zeros((1, 1, 1), np.uint8))
    assert within.pop() > 0  # as it is otherwise
    busy = make(wasteful)
    ways: list[Callable[[], Any]] = [
        lambda: busy.stream(1, 0.0, 5, 10.0),
        lambda: busy.arrivals(1, 1e5, 5, 10.0, seed=0),
        busy.floor,
    ]
    for timed in ways:
        timed()
        assert len(within) >= 5
        assert set(within) == {0}
        assert gc.isenabled()
        within.clear()


def test_the_garbage_collector_works_again_after_a_failure(make: Make) -> None:
    def broken(batch: NDArray[Any]) -> NDArray[Any]:
        raise BenchError("broken")

    with pytest.raises(BenchError, match="broken"):
        make(broken).stream(1, 0.0, 5, 10.0)
    assert gc.isenabled()


def test_queries_take_turns_over_different_images(make: Make) -> None:
    seen: list[list[int]] = []

    def record(batch: NDArray[Any]) -> NDArray[Any]:
        assert batch.flags.c_contiguous
        seen.append(batch[:, 0, 0].tolist())
        return batch

    watched = make(record)
    watched.stream(1, 0.0, POOL + 2, 10.0)
    assert seen == [[at] for at in [*range(POOL), 0, 1]]
    seen.clear()
    watched.arrivals(8, 1e6, 10, 10.0, seed=0)
    assert seen == [[*range(8 * at, 8 * at + 8)] for at in [*range(POOL // 8), 0, 1]]


def test_a_batch_of_more_images_than_there_are_repeats_them(make: Make) -> None:
    seen: list[int] = []

    def record(batch: NDArray[Any]) -> NDArray[Any]:
        seen.extend(batch[:, 0, 0].tolist())
        return batch

    make(record).stream(128, 0.0, 1, 0.0)
    assert seen == [*range(100), *range(28)]


def test_a_stream_goes_on_until_both_the_seconds_and_the_queries_are_reached(make: Make) -> None:
    by_queries = make(slow).stream(1, 0.001, 5, 10.0)
    assert by_queries["queries"] == len(by_queries["ns"]) == 5
    started = time.perf_counter()
    by_seconds = make(nothing).stream(1, 0.02, 5, 10.0)
    assert time.perf_counter() - started >= 0.02
    assert by_seconds["queries"] > 5


def test_a_stream_ends_at_its_cap_whatever_it_lacks(make: Make) -> None:
    capped = make(slow).stream(1, 10.0, 1_000_000, 0.02)
    assert 1 <= capped["queries"] <= 10
    assert capped["elapsed_ns"] == sum(capped["ns"])


def test_there_is_at_least_one_query(make: Make) -> None:
    assert make(slow).stream(1, 0.0, 0, 0.0)["queries"] == 1
    assert make(slow).warm_up(1, 1e-9, 1)["ns"] > 2e6


def test_a_warm_up_has_a_limit_too(make: Make) -> None:
    assert make(slow).warm_up(1, 0.001, 1_000_000)["ns"] >= 2e6  # it comes back at all


@pytest.mark.parametrize("number", [1, 999, 1000, 1001, 1500, 123_457])
def test_of_more_samples_than_are_kept_evenly_spaced_ones_stay(number: int) -> None:
    kept = worker._kept(list(range(number)))
    assert len(kept) == min(number, KEPT)
    assert (kept[0], kept[-1]) == (0, number - 1)
    gaps = set(np.diff(kept).tolist())
    assert max(gaps, default=0) - min(gaps, default=0) <= 1
    assert kept == sorted(set(kept))


def test_all_queries_are_counted_though_not_all_are_kept(make: Make) -> None:
    many = make(nothing).stream(1, 0.0, 5 * KEPT, 10.0)
    assert (many["queries"], len(many["ns"])) == (5 * KEPT, KEPT)
    assert many["elapsed_ns"] > sum(many["ns"])


def arrivals_of(seed: int, make: Make, monkeypatch: pytest.MonkeyPatch, count: int = 2000) -> NDArray[Any]:
    """Nanoseconds between the arrivals of one command."""
    due: list[int] = []
    monkeypatch.setattr(worker, "_wait_until", due.append)
    make(nothing).arrivals(1, RATE, count, 10.0, seed)
    monkeypatch.undo()
    return np.diff(due)


def test_arrivals_are_a_poisson_process_of_the_rate(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = arrivals_of(1, make, monkeypatch, count=20_000) * RATE / 1e9
    assert gaps.mean() == pytest.approx(1, rel=0.03)
    assert gaps.std() == pytest.approx(1, rel=0.03)  # as the mean, where gaps are exponential
    assert np.mean(gaps < np.log(2)) == pytest.approx(0.5, abs=0.02)
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.03


def test_the_same_seed_gives_the_same_arrivals_and_another_others(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again, other = (arrivals_of(seed, make, monkeypatch) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_no_query_comes_before_it_is_due(make: Make) -> None:
    found = make(nothing).arrivals(1, RATE, 1000, 10.0, seed=3)
    due = np.cumsum(np.random.default_rng(3).exponential(1e9 / RATE, 1000)).astype(np.int64)
    assert found["queries"] == len(found["ns"]) == 1000
    assert min(found["ns"]) >= 0
    assert found["elapsed_ns"] == due[-1] + found["ns"][-1]


def test_latency_counts_the_wait_behind_earlier_queries_until_patience_ends(make: Make) -> None:
    """Queries of 2 ms that come every half: each waits 1.5 ms longer than the one before."""
    found = make(slow).arrivals(1, 2000.0, 300, 0.1, seed=0)
    assert 4 <= found["queries"] < 60  # 50, if sleeping were exact
    assert found["elapsed_ns"] >= 0.1e9
    quarter = found["queries"] // 4
    first, last = np.mean(found["ns"][:quarter]), np.mean(found["ns"][-quarter:])
    assert last > 2 * first
    assert found["ns"][-1] > 0.03e9


def test_a_patient_worker_answers_all_that_come(make: Make) -> None:
    found = make(slow).arrivals(1, 100_000.0, 20, 10.0, seed=0)
    assert found["queries"] == 20
    assert (np.diff(found["ns"]) > 0).all()


@pytest.mark.parametrize(("answered", "sizes"), [(40, [40, 40, 40]), (100, [100]), (250, [250]), (1, [1] * 100)])
def test_every_image_is_answered_in_batches_of_one_size(answered: int, sizes: list[int], make: Make) -> None:
    seen: list[int] = []

    def record(batch: NDArray[Any]) -> NDArray[Any]:
        seen.append(len(batch))
        return brightness(batch)

    assert make(record, answered).answers(0, 60.0) == {"labels": list(range(100))}
    assert seen == sizes


def test_large_images_are_answered_few_at_a_time(make: Make, tmp_path: Path) -> None:
    seen: list[int] = []

    def record(batch: NDArray[Any]) -> NDArray[Any]:
        seen.append(len(batch))
        return np.zeros((len(batch), 10), np.float32)

    large = tmp_path / "large.npy"
    np.save(large, np.zeros((5, 150, 150, 3), np.uint8))
    assert make(record, None, large).answers(0, 60.0) == {"labels": [0] * 5}
    assert seen == [2, 2, 2]


def test_images_are_answered_in_parts_that_take_the_time_that_they_may(make: Make) -> None:
    worker = make(brightness, 10)
    assert worker.answers(30, 0.0) == {"labels": list(range(30, 40))}
    assert worker.answers(95, 0.0) == {"labels": list(range(95, 100))}
    assert worker.answers(90, 60.0) == {"labels": list(range(90, 100))}


def test_answers_that_are_no_numbers_are_an_error(make: Make) -> None:
    def spoilt(batch: NDArray[Any]) -> NDArray[Any]:
        return np.where(batch[:, 0] == 77, np.nan, brightness(batch))

    with pytest.raises(BenchError, match="values that are not finite"):
        make(spoilt, 10).answers(0, 60.0)
    assert len(make(brightness, 10).answers(0, 60.0)["labels"]) == 100


def test_a_model_of_a_fixed_batch_answers_every_image(tmp_path: Path, mnist: Dataset) -> None:
    file, images = odd.save(odd.linear(batch=4), tmp_path / "odd.onnx"), tmp_path / "images.npy"
    np.save(images, mnist.test.images[:21])
    fixed = Worker(contender("onnxruntime", "odd", file, batch=4), images)
    fixed.load()
    expected = Classifier(file).predict(mnist.test.images[:21]).argmax(axis=1)
    assert fixed.answers(0, 60.0) == {"labels": expected.tolist()}


def test_loading_takes_the_time_of_import_init_and_first_inference_apart(
    tiny: Path, tmp_path: Path, mnist: Dataset
) -> None:
    np.save(tmp_path / "images.npy", mnist.test.images[:10])
    worker = Worker(contender("onnxruntime", "tiny", tiny), tmp_path / "images.npy")
    assert worker.import_runtime()["ns"] > 0
    loaded = worker.load()
    assert set(loaded) == {"init_ns", "first_ns"}
    assert min(loaded.values()) > 0


def test_a_model_that_returns_nan_is_an_error_when_it_is_loaded(tmp_path: Path, mnist: Dataset) -> None:
    file = odd.save(odd.filled(odd.linear(), np.nan), tmp_path / "odd.onnx")
    np.save(tmp_path / "images.npy", mnist.test.images[:10])
    answers = asked(Worker(contender("onnxruntime", "odd", file), tmp_path / "images.npy"), {"do": "load"})
    assert answers == [
        {
            "error": "the model returned values that are not finite: check its weights for NaN, or export it again",
            "kind": "BenchError",
        }
    ]


def test_memory_at_most_is_no_less_than_memory_now(make: Make) -> None:
    found = make(nothing).memory()
    assert found["peak"] >= found["steady"] > 2**20


def asked(server: Worker, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    answers = io.StringIO()
    answer(server, [json.dumps(command) for command in commands], answers)
    replies = [json.loads(line) for line in answers.getvalue().splitlines()]
    return [reply.get("answer", reply) for reply in replies]


def test_commands_are_answered_a_line_each_and_an_error_ends_nothing(make: Make) -> None:
    def picky(batch: NDArray[Any]) -> NDArray[Any]:
        if len(batch) == 7:
            raise BenchError("seven")
        return batch

    stream = {"do": "stream", "seconds": 0.0, "queries": 2, "cap": 1.0}
    first, second, third = asked(make(picky), *({**stream, "batch": batch} for batch in (1, 7, 8)))
    assert (first["queries"], second["error"], third["queries"]) == (2, "seven", 2)


def test_a_bug_ends_the_process(make: Make) -> None:
    with pytest.raises(AttributeError, match="dance"):
        asked(make(nothing), {"do": "dance"})


PRINTING = """
import sys
from edgecnn.bench import worker

def chatter(self):
    print("a library says something")
    sys.stdout.flush()
    return {"fine": True}

worker.Worker.load = chatter
worker.main()
"""


def test_what_a_library_prints_is_kept_apart_from_the_answers(tiny: Path) -> None:
    task = json.dumps(
        {"contender": {**asdict(contender("onnxruntime", "tiny", tiny)), "file": str(tiny)}, "images": ""}
    )
    done = subprocess.run(
        [sys.executable, "-c", PRINTING, task], input='{"do": "load"}\n', capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"answer": {"fine": True}}
    assert done.stderr == "a library says something\n"
