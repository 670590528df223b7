"""The worker process that runs one contender: it answers commands, one line of JSON each, and sleeps in between."""

import gc
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgecnn.batches import at_once
from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.runner import ANSWERED, Infer, Runner, import_runtime, open_runner
from edgecnn.errors import BenchError
from edgecnn.host.machine import peak_rss, resident
from edgecnn.processes.entry import serve
from edgecnn.runtime.scores import recognize, to_probabilities

PATIENCE = 10  # a warm-up ends after this many times its seconds, if a slow contender has not run its queries
POOL = 64  # images that timed queries use in turn: different ones, and few enough to stay in the cache
FLOOR_SECONDS, FLOOR_QUERIES, FLOOR_WARM_UP = 0.1, 100, 0.1  # for timing an empty model
KEPT = 1000  # samples kept per round: ten rounds have enough for a p99.9, and the report stays small
NANOSECONDS = 1_000_000_000
SPIN_NS = 200_000  # the last nanoseconds before an arrival are spent in a loop: a sleep may end too late

Queries = list[NDArray[Any]]


class Worker:
    """Holds one contender. Each public method is a command; it returns a JSON object.

    `images` is a .npy file of the test images, uint8 [n, height, width] or [n, height, width, 3].
    """

    runner: Runner

    def __init__(self, contender: Contender, images: Path) -> None:
        self.contender, self.images = contender, images
        self.queries: dict[int, Queries] = {}

    def import_runtime(self) -> dict[str, Any]:
        """Import what the contender needs. Returns the nanoseconds that it took."""
        started = time.perf_counter_ns()
        import_runtime(self.contender)
        return {"ns": time.perf_counter_ns() - started}

    def load(self) -> dict[str, Any]:
        """Load the model. Returns the nanoseconds of init (from file to ready session) and first inference."""
        started = time.perf_counter_ns()
        self.runner = open_runner(self.contender)
        ready = time.perf_counter_ns()
        query = self._queries(self.contender.batch)[0]
        before = time.perf_counter_ns()
        scores = self.runner.infer(query)
        first = time.perf_counter_ns() - before
        _require_numbers(scores)
        gc.freeze()  # the collector would scan TensorFlow's objects each time, which takes 0.15 s
        return {"init_ns": ready - started, "first_ns": first}

    def warm_up(self, batch: int, seconds: float, queries: int) -> dict[str, Any]:
        """Run queries for at least `seconds` and `queries`. Returns the median latency in nanoseconds."""
        return {"ns": int(np.median(self._stream(batch, seconds, queries, PATIENCE * seconds)))}

    def stream(self, batch: int, seconds: float, queries: int, cap: float) -> dict[str, Any]:
        """Run one query after another: at least `seconds` and `queries`, but no longer than `cap` seconds."""
        samples = self._stream(batch, seconds, queries, cap)
        return _round(samples, sum(samples))

    def arrivals(self, batch: int, rate: float, count: int, patience: float, seed: int) -> dict[str, Any]:
        """Run `count` queries that arrive as a Poisson process, `rate` per second on average.

        A query's latency counts from its arrival, so it includes the wait for earlier queries. If queries arrive faster
        than they are answered, the round ends after `patience` seconds.
        """
        gaps = np.random.default_rng(seed).exponential(NANOSECONDS / rate, count)
        due: list[int] = np.cumsum(gaps).astype(np.int64).tolist()
        infer, pool, clock = self.runner.infer, self._queries(batch), time.perf_counter_ns
        samples: list[int] = []
        with _undisturbed():
            start, given_up = clock(), int(patience * NANOSECONDS)
            for number, arrival in enumerate(due):
                _wait_until(start + arrival)
                infer(pool[number % len(pool)])
                answered = clock() - start
                samples.append(answered - arrival)
                if answered > given_up:
                    break
        return _round(samples, answered)

    def memory(self) -> dict[str, Any]:
        """The process's resident bytes. Ask before `answers`, which reads the whole test split."""
        steady = resident()
        return {"peak": max(peak_rss(), steady), "steady": steady}

    def floor(self) -> dict[str, Any]:
        """Time an empty model, run the same way in the same runtime. Returns nanoseconds per query."""
        infer, nothing = self.runner.empty(), np.zeros((self.contender.batch, 1), np.uint8)
        _time(infer, [nothing], FLOOR_WARM_UP, 1, PATIENCE * FLOOR_WARM_UP)
        return {"ns": _kept(_time(infer, [nothing], FLOOR_SECONDS, FLOOR_QUERIES, PATIENCE * FLOOR_SECONDS))}

    def answers(self, start: int, seconds: float) -> dict[str, Any]:
        """Classify test images from index `start` on, for `seconds` or to the last. Returns the class index of each."""
        images = np.load(self.images, mmap_mode="r")
        labels: list[int] = []
        size = self.runner.answered or at_once(images.shape[1:], most=ANSWERED)
        end = time.perf_counter() + seconds
        while start < len(images) and (not labels or time.perf_counter() < end):
            chunk = images[start : start + size]
            filled = np.resize(chunk, (size, *chunk.shape[1:])) if len(chunk) < size else np.ascontiguousarray(chunk)
            scores = self.runner.infer(self.runner.prepare(filled))[: len(chunk)]
            _require_numbers(scores)
            labels.extend(_classes(scores).tolist())
            start += size
        return {"labels": labels}

    def _queries(self, batch: int) -> Queries:
        """Batches of different images to time with, taken from the start of the test split."""
        if batch not in self.queries:
            images = np.load(self.images, mmap_mode="r")
            count = max(1, min(POOL, len(images)) // batch)
            picked = [np.ascontiguousarray(images[at * batch : (at + 1) * batch]) for at in range(count)]
            self.queries[batch] = [self.runner.prepare(_filled(chunk, batch)) for chunk in picked]
        return self.queries[batch]

    def _stream(self, batch: int, seconds: float, queries: int, cap: float) -> list[int]:
        return _time(self.runner.infer, self._queries(batch), seconds, queries, cap)


def _classes(scores: NDArray[Any]) -> NDArray[np.int64]:
    """The class of each row: the largest score, or which side of the middle a single one is on."""
    if scores.shape[1] == 1:
        scores = to_probabilities(scores, recognize(scores))
    classes: NDArray[np.int64] = scores.argmax(axis=1)
    return classes


def _filled(chunk: NDArray[np.uint8], batch: int) -> NDArray[np.uint8]:
    """Repeat the images of a chunk that is too short: there are only 64 noise images, whatever the batch size."""
    return chunk if len(chunk) == batch else np.resize(chunk, (batch, *chunk.shape[1:]))


def _time(infer: Infer, queries: Queries, seconds: float, least: int, cap: float) -> list[int]:
    """Nanoseconds of each query. Runs until both `seconds` and `least` queries are reached, or for `cap` seconds."""
    clock, size = time.perf_counter_ns, len(queries)
    samples: list[int] = []
    with _undisturbed():
        start = now = clock()
        enough, end = start + int(seconds * NANOSECONDS), start + int(cap * NANOSECONDS)
        while not samples or ((now < enough or len(samples) < least) and now < end):
            query = queries[len(samples) % size]
            before = clock()
            infer(query)
            now = clock()
            samples.append(now - before)
    return samples


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Stop the garbage collector while something is timed."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _wait_until(due: int) -> None:
    """Sleep until shortly before `due`, then read the clock in a loop."""
    while (left := due - time.perf_counter_ns()) > 0:
        if left > SPIN_NS:
            time.sleep((left - SPIN_NS) / NANOSECONDS)


def _round(samples: list[int], elapsed: int) -> dict[str, Any]:
    return {"queries": len(samples), "elapsed_ns": elapsed, "ns": _kept(samples)}


def _kept(samples: list[int]) -> list[int]:
    """At most KEPT samples, evenly picked in time order, so that they estimate the same percentiles."""
    if len(samples) <= KEPT:
        return samples
    return [samples[at] for at in np.linspace(0, len(samples) - 1, KEPT).astype(int).tolist()]


def _require_numbers(scores: NDArray[Any]) -> None:
    if not np.isfinite(scores).all():
        raise BenchError("the model returned values that are not finite: check its weights for NaN, or export it again")


def main() -> None:
    """Run a worker on the contender and images that the first argument describes."""
    task = json.loads(sys.argv[1])
    contender = msgspec.convert(task["contender"], Contender, dec_hook=lambda kind, value: kind(value))
    serve(Worker(contender, Path(task["images"])))
