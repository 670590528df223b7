"""What a call costs in Python, beside the network's own work: [--rounds N] [--keep]

For the empty model and each shipped file, by turns: onnxruntime's `run`, `run_with_iobinding` and
`run_with_ortvaluevector` on bound memory, `Classifier.run` (which copies the image in and the scores out),
`Classifier.stream` and `Classifier.predict`, one 28×28 image each. Writes benchmarks/results/calls.json, unless
`--keep` is given. Takes 1 minute. Close other programs first.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import OrtDevice, OrtValue, OrtValueVector

from benchmarks.lib import paths
from benchmarks.lib.markdown import table as to_table
from benchmarks.lib.results import read_result, update_result
from edgecnn.bench.runtimes.runner import EMPTY
from edgecnn.data import load
from edgecnn.folder import find_onnx
from edgecnn.host.machine import this_host
from edgecnn.runtime.bound import Bound, Names, Runs
from edgecnn.runtime.classifier import Classifier, session_options
from edgecnn.runtime.settings import Settings

RESULTS = paths.RESULTS / "calls.json"
MODELS = ("nano", "edge", "accurate")
CALLS = 40  # of one way, before the next has its turn
FILES = ("model.onnx", "model.int8.onnx")
Way = Callable[[], Any]
Ways = dict[str, Way]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks calls", description=__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--keep", action="store_true", help="print, and write nothing")
    told = parser.parse_args(arguments)
    rows = [{"name": "empty", **_measured(_empty(), told.rounds)}, *_shipped(told.rounds)]
    print(_to_table(rows))
    if not told.keep:
        host = this_host()
        update_result(RESULTS, host=str(host), versions=host.versions, calls=CALLS * told.rounds, models=rows)


def _shipped(rounds: int) -> Iterator[dict[str, Any]]:
    image = load().test.images[:1]
    for name in MODELS:
        for file in FILES:
            path = find_onnx(name).with_name(file)
            yield {"name": f"{name}/{file}", **_measured(_classifier(path, image), rounds)}


def _classifier(path: Path, image: NDArray[Any]) -> Ways:
    known = Classifier(path)
    stream = known.stream()
    batch, [picture] = known.input.prepare(image), image
    session = _session(path)
    return _bare(session, batch) | {
        "Classifier.run": lambda: known.run(batch),
        "Classifier.stream": lambda: stream(picture),
        "Classifier.predict": lambda: known.predict(image),
    }


def _empty() -> Ways:
    return _bare(_session(EMPTY), np.zeros((1, 1), np.uint8))


def _session(path: Path) -> ort.InferenceSession:
    return ort.InferenceSession(path, session_options(Settings()), providers=["CPUExecutionProvider"])


def _bare(session: ort.InferenceSession, batch: NDArray[Any]) -> Ways:
    """onnxruntime's own calls."""
    names = session.get_inputs()[0].name, session.get_outputs()[0].name
    run = Runs(session, names)
    [scores] = session.run([names[1]], {names[0]: batch})
    bound = Bound(session, names, batch, scores)
    return {
        "run": lambda: session.run([names[1]], {names[0]: batch}),
        "run_with_iobinding": bound.run,
        "run_with_ortvaluevector": _by_vector(session, names, batch, scores),
        "copied in and out": lambda: run(batch),
    }


def _by_vector(session: ort.InferenceSession, names: Names, batch: NDArray[Any], scores: NDArray[Any]) -> Way:
    device = OrtDevice(OrtDevice.cpu(), OrtDevice.default_memory(), 0)
    place = scores.copy()
    feeds, fetches = _vector(batch, device), _vector(place, device)
    options = ort.RunOptions()

    def run() -> Any:
        session.run_with_ortvaluevector(options, [names[0]], feeds, [names[1]], fetches, [device])
        return batch, place  # the vectors' memory, which lives as long as this function

    return run


def _vector(array: NDArray[Any], device: OrtDevice) -> OrtValueVector:
    """The array's memory, which its caller keeps."""
    vector = OrtValueVector()
    vector.push_back(OrtValue.ortvalue_from_numpy(array, device))
    return vector


def _measured(ways: Ways, rounds: int) -> dict[str, float]:
    """The median microseconds of each way; they take turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for name, call in [*ways.items()] * rounds:
        for _ in range(CALLS):
            started = time.perf_counter()
            call()
            times[name].append(1e6 * (time.perf_counter() - started))
    return {name: median(found) for name, found in times.items()}


def _to_table(rows: Sequence[dict[str, Any]]) -> str:
    ways = [name for name in rows[-1] if name != "name"]
    cells = [[row["name"], *(f"{row[way]:.1f}" if way in row else "–" for way in ways)] for row in rows]
    return to_table(["µs", *ways], cells)


def table() -> str:
    """For docs/results.md."""
    return _to_table(read_result(RESULTS)["models"])
