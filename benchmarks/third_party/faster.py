"""Judges `export --quantize`: whether what ships is slower than float32, by a timing of our own, and what it loses."""

import shutil
from typing import Any

import numpy as np

from benchmarks.lib.results import Row
from benchmarks.third_party import data
from benchmarks.third_party.judging import without_paths
from benchmarks.third_party.network import Network
from edgecnn.bench.stats import Estimate, ratio
from edgecnn.errors import EdgecnnError
from edgecnn.exporting.export import export
from edgecnn.metrics import accuracy
from edgecnn.quantizing.decision import MAX_DROP
from edgecnn.quantizing.quantize import quantize
from edgecnn.quantizing.result import QuantizationResult
from edgecnn.quantizing.timing import rounds
from edgecnn.runtime.classifier import Classifier

ROUNDS, SECONDS = 61, 0.02  # turns of each file, changing order


def judge_quantized(network: Network) -> Row:
    """What `export --quantize` ships for a network, how fast it is beside float32, and how many images it loses."""
    out = network.folder / "quantized"
    shutil.rmtree(out, ignore_errors=True)
    images = data.path_of(network.data)
    source = network.file if network.form == "onnx" else export(network.file, out=out, data=images).path
    try:
        done = quantize(source, data=images, out=out)
    except EdgecnnError as error:
        return {"ships": "float32", "reason": without_paths(str(error)), "verdict": "float32 stays"}
    row: Row = {"ships": done.path.name, "reason": done.reason, **_accuracies(network, done)}
    if done.chosen is None:
        return row | {"verdict": "float32 stays"}
    speedup = _speedup(source, done, network)
    row |= {"speedup": [round(end, 3) for end in (speedup.value, speedup.low or 0, speedup.high or 0)]}
    return row | {"verdict": _verdict(row, speedup)}


def _verdict(row: Row, speedup: Estimate) -> str:
    if speedup.high is not None and speedup.high < 1:
        return "slower"
    return "too much lost" if row["lost_points"] > MAX_DROP else "faster"


def _accuracies(network: Network, done: QuantizationResult) -> Row:
    """Points that the shipped file loses on the validation images, which decide, and on the test images."""
    test = (done.before.value - done.after.value) * 100
    trial = done.chosen.validation.value if done.chosen else done.baseline.value
    answers = Classifier(done.path).predict(data.loaded(network.data).validation.images).argmax(axis=1)
    own = accuracy("validation", answers, data.loaded(network.data).validation.labels)
    assert abs(own.value - trial) < 1e-9 or done.chosen is None, "what ships is what was judged"
    lost = (done.baseline.value - own.value) * 100
    return {"lost_points": round(lost, 3), "lost_test_points": round(test, 3), "accuracy": done.before.value}


def _speedup(float32: Any, done: QuantizationResult, network: Network) -> Estimate:
    classifiers = [Classifier(path) for path in (float32, done.path)]
    image = data.loaded(network.data).test.images[:1]
    batches = [item.input.prepare(image) for item in classifiers]
    calls = [lambda item=item, batch=batch: item.run(batch) for item, batch in zip(classifiers, batches, strict=True)]
    times = np.array(list(rounds(calls, ROUNDS, SECONDS)))
    return ratio(times[:, 0].tolist(), times[:, 1].tolist())
