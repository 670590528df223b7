"""The process that holds one contender: it does what it is told, a line of JSON at a time, and sleeps between."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import Contender
from edgecnn.bench.host import peak_rss
from edgecnn.errors import BenchError, EdgecnnError

POOL = 64  # images that timed queries cycle through: different pixels each time, all in the cache
WARM_UP_SECONDS, WARM_UP_QUERIES = 0.3, 10  # after loading
REWARM_SECONDS, REWARM_QUERIES = 0.02, 2  # before each round: the others have used the caches meanwhile
ANSWERED = 250  # images a run, where every image is answered
NANOSECONDS = 1_000_000_000

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Runner:
    """A loaded contender: `infer` takes a prepared batch and returns scores as a numpy array.

    `answered` is how many images a run takes when every image is answered.
    """

    prepare: Callable[[Images], NDArray[Any]]
    infer: Callable[[NDArray[Any]], NDArray[Any]]
    answered: int = ANSWERED


def load(contender: Contender) -> Runner:
    """Open the contender's file. What has to be imported is imported before, by `import_runtime`."""
    if not contender.is_tensorflow:
        from edgecnn.runtime import Classifier

        classifier = Classifier(contender.file, threads=contender.threads)
        if classifier.batch not in (None, contender.batch):
            raise BenchError(f"{contender.file} takes batches of {classifier.batch}: give --batch {classifier.batch}")
        return Runner(classifier.input.prepare, classifier.run, classifier.batch or ANSWERED)
    from edgecnn.exporting import keras_to_onnx

    original = keras_to_onnx.load(contender.file)
    compiled = original.compiled()
    ways: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
        "predict": lambda batch: original.keras.predict(batch, batch_size=len(batch), verbose=0),  # type: ignore[union-attr]
        "model(x)": lambda batch: np.asarray(original.call(batch)),
        "tf.function": lambda batch: np.asarray(compiled(batch)),
    }
    return Runner(original.input(contender.scale).prepare, ways[contender.way])


def import_runtime(contender: Contender) -> None:
    """Import all that `load` needs, and limit TensorFlow's threads."""
    if contender.is_tensorflow:
        from edgecnn.training.backend import keras, tensorflow

        tf = tensorflow("measuring the original model")
        tf.config.threading.set_intra_op_parallelism_threads(contender.threads)
        tf.config.threading.set_inter_op_parallelism_threads(contender.threads)
        keras("measuring the original model")
        import_module("edgecnn.exporting.keras_to_onnx")
    else:
        import_module("edgecnn.runtime")


class Worker:
    """Holds the contender and answers commands; every answer is a JSON object."""

    def __init__(self, contender: Contender, images: Path) -> None:
        self.contender, self.images = contender, images

    def load(self) -> dict[str, Any]:
        """Nanoseconds of import, init (file to ready session) and first inference; then warm up."""
        started = time.perf_counter_ns()
        import_runtime(self.contender)
        imported = time.perf_counter_ns()
        self.runner = load(self.contender)
        ready = time.perf_counter_ns()
        self.queries = self._queries()
        before = time.perf_counter_ns()
        self.runner.infer(self.queries[0])
        first = time.perf_counter_ns() - before
        self._time(WARM_UP_SECONDS, WARM_UP_QUERIES, 1_000_000)
        return {"import_ns": imported - started, "init_ns": ready - imported, "first_ns": first}

    def round(self, seconds: float, most: int) -> dict[str, Any]:
        """Nanoseconds of each query, one after another, for `seconds` or until there are `most`; at least one."""
        self._time(REWARM_SECONDS, REWARM_QUERIES, 1_000_000)
        return {"ns": self._time(seconds, 1, most)}

    def memory(self) -> dict[str, Any]:
        """Bytes of peak resident memory so far: asked for before `answers` reads the whole test split."""
        return {"bytes": peak_rss()}

    def answers(self) -> dict[str, Any]:
        """The label given to every image, by its index."""
        images = np.load(self.images, mmap_mode="r")
        labels: list[int] = []
        size = self.runner.answered
        for start in range(0, len(images), size):
            batch = self.runner.prepare(np.ascontiguousarray(images[start : start + size]))
            labels.extend(self.runner.infer(batch).argmax(axis=1).tolist())
        return {"labels": labels}

    def _queries(self) -> list[NDArray[Any]]:
        """Batches to time with, made of the first POOL images."""
        pool = np.load(self.images, mmap_mode="r")[:POOL]
        batch = self.contender.batch
        picked = [np.arange(start, start + batch) % len(pool) for start in range(0, max(len(pool), batch), batch)]
        return [self.runner.prepare(np.ascontiguousarray(pool[chosen])) for chosen in picked]

    def _time(self, seconds: float, least: int, most: int) -> list[int]:
        infer, queries, clock = self.runner.infer, self.queries, time.perf_counter_ns
        samples: list[int] = []
        end = clock() + int(seconds * NANOSECONDS)
        while len(samples) < least or (clock() < end and len(samples) < most):
            query = queries[len(samples) % len(queries)]
            before = clock()
            infer(query)
            samples.append(clock() - before)
        return samples


def serve(worker: Worker, commands: Any, answers: Any) -> None:
    """Answer commands until they end. An EdgecnnError is an answer too; anything else ends the process."""
    for line in commands:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("do"))(**command)
        except EdgecnnError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Run a worker on the contender and images that the first argument describes."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not reach the pipe
    task = json.loads(sys.argv[1])
    contender = Contender(**{**task["contender"], "file": Path(task["contender"]["file"])})
    serve(Worker(contender, Path(task["images"])), sys.stdin, pipe)


if __name__ == "__main__":
    main()
