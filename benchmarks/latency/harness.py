"""Test whether the bench measures correctly: [loop] [loadgen] [same] [slower] [whole]

    loop     compares its p50 with that of a bare `for` loop around `session.run`, in five pairs of runs
    loadgen  compares its p90 with that of MLPerf's LoadGen in SingleStream, in five pairs of runs, on models of 20 and
             230 µs (LoadGen's own call into Python takes 2 µs): pip install 'edgecnn[harness]'
    same     benches a model and its copy 20 times, and counts the verdict "no difference shown"
    slower   benches a model and a version with a fifth more work 20 times, and counts the verdict "slower"
    whole    measures the wall time of `edgecnn bench edge` with TensorFlow and onnxruntime, and the CPU time of the
             process that coordinates it

Without arguments, all parts run, which takes about half an hour. Each part's figures are written to
benchmarks/results/harness.json when it is done; other parts are kept. Close other programs first.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_result, update_result
from edgecnn.bench.figures import Row, summarize
from edgecnn.bench.measure import measure
from edgecnn.bench.reports.document import read
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.host.machine import this_host

RESULTS = paths.RESULTS / "harness.json"
MODEL = SHIPPED_MODELS / "edge" / "model.onnx"
PAIRS, RUNS = 5, 20
EXTRA = 1.2  # work of the heavier model, relative to the model
SESSION = """\
import sys, time
import numpy as np, onnxruntime as ort
from edgecnn.data import load
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
images = [image[None] for image in load().test.images[:64]]
"""
LOOP = (
    SESSION
    + """\
clock, samples = time.perf_counter_ns, []
start = clock()
for number in range(10**9):
    before = clock()
    session.run(None, {"image": images[number % 64]})
    after = clock()
    samples.append(after - before)
    if after - start > 1e9 * float(sys.argv[3]):
        break
warm = len(samples) // 7  # half a second of 3.5 seconds
print(np.percentile(samples[warm:], float(sys.argv[2]), method="inverted_cdf") / 1000)
"""
)
LOADGEN = (
    SESSION
    + """\
import mlperf_loadgen as loadgen
def issue(queries):
    for query in queries:
        answer = session.run(None, {"image": images[query.index]})[0]
        loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(query.id, answer.ctypes.data, answer.nbytes)])
settings = loadgen.TestSettings()
settings.scenario, settings.mode = loadgen.TestScenario.SingleStream, loadgen.TestMode.PerformanceOnly
settings.min_duration_ms, settings.min_query_count = 3000, 1000
output = loadgen.LogOutputSettings()
output.outdir = sys.argv[2]
log = loadgen.LogSettings()
log.log_output, log.enable_trace = output, False
for number in range(20000):
    session.run(None, {"image": images[number % 64]})
sut = loadgen.ConstructSUT(issue, lambda: None)
qsl = loadgen.ConstructQSL(64, 64, lambda _: None, lambda _: None)
loadgen.StartTestWithLogSettings(sut, qsl, settings, log)
"""
)


def main(parts: Sequence[str]) -> None:
    known: dict[str, Callable[[Path], dict[str, Any]]] = {
        "loop": loop,
        "loadgen": loadgen,
        "same": same,
        "slower": slower,
        "whole": whole,
    }
    for part in parts or known:
        with tempfile.TemporaryDirectory() as scratch:
            store(part, known[part](Path(scratch)))


def loop(_: Path) -> dict[str, Any]:
    """Compare our p50 with a bare loop's, in microseconds."""
    pairs = [{"bare": bare_p50(MODEL, 3.5), "edgecnn": ours(MODEL).p50_us} for _ in range(PAIRS)]
    return {"p50_us": {"edge": pairs}, "ratio": {"edge": ratio_of(pairs, "bare")}}


def bare_p50(model: Path, seconds: float) -> float:
    return float(python(LOOP, str(model), "50", str(seconds)))


def loadgen(scratch: Path) -> dict[str, Any]:
    """Compare our p90 with LoadGen's, in microseconds, for `edge` and for `adventures` under build/trained."""
    models = {"edge": MODEL, "adventures": paths.TRAINED / "adventures" / "model.onnx"}
    pairs = {
        name: [{"loadgen": loadgen_p90(path, scratch), "edgecnn": ours(path).p90_us} for _ in range(PAIRS)]
        for name, path in models.items()
    }
    return {"p90_us": pairs, "ratio": {name: ratio_of(found, "loadgen") for name, found in pairs.items()}}


def loadgen_p90(model: Path, scratch: Path) -> float:
    python(LOADGEN, str(model), str(scratch))
    summary = (scratch / "mlperf_log_summary.txt").read_text(encoding="utf-8")
    found = re.search(r"^90\.00 percentile latency \(ns\)\s*: (\d+)", summary, re.MULTILINE)
    assert found, summary
    return int(found[1]) / 1000


def same(scratch: Path) -> dict[str, Any]:
    """Collect the verdicts on a model and its copy."""
    copy = scratch / "copy.onnx"
    shutil.copy(MODEL, copy)
    return verdicts(copy)


def slower(scratch: Path) -> dict[str, Any]:
    """Collect the verdicts on a model with a fifth more work."""
    heavier = scratch / "heavier.onnx"
    width = planted(heavier)
    return {"extra_outputs": width, **verdicts(heavier)}


def whole(scratch: Path) -> dict[str, Any]:
    """Time the whole command that a user runs, with four ways of TensorFlow and two ONNX files."""
    file = scratch / "bench.json"
    runtimes = ["--runtime", "tensorflow", "--runtime", "onnxruntime"]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "edgecnn", "bench", "edge", *runtimes, "--json", str(file)], check=True)
    seconds = time.perf_counter() - started
    bench = read(file)
    return {
        "contenders": [item.contender.name for item in bench.measurements],
        "seconds": seconds,
        "coordinator_share": bench.coordinator_cpu_s / bench.elapsed_s,
    }


def verdicts(other: Path) -> dict[str, Any]:
    runs = []
    for number in range(RUNS):
        row = compared(other)
        runs.append({"verdict": row.verdict, "ratio": [row.speedup, row.speedup_low, row.speedup_high]})
        print(number + 1, runs[-1], flush=True)
    return {"runs": runs, "said": Counter(run["verdict"] for run in runs)}


def planted(path: Path) -> int:
    """Write the model with an extra Gemm that adds 0 to its output and makes it a fifth slower. Returns its width.

    The width is found by timing several, because the time of a Gemm cannot be computed in advance.
    """
    tried = {}
    for width in range(16, 400, 16):
        save_heavier(path, width)
        tried[width] = interleaved(path)
        if tried[width] > EXTRA + 0.05:
            break
    width = min(tried, key=lambda width: abs(tried[width] - EXTRA))
    save_heavier(path, width)
    return width


def save_heavier(path: Path, width: int) -> None:
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(MODEL)
    graph = model.graph
    softmax = next(node for node in graph.node if node.op_type == "Softmax")
    weights = np.random.default_rng(0).normal(0, 0.01, (784, width)).astype(np.float32)
    constants = {"extra_weights": weights, "extra_nothing": np.zeros((width, 10), np.float32)}
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    extra = [
        helper.make_node("Cast", ["image"], ["extra_cast"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Flatten", ["extra_cast"], ["extra_pixels"]),
        helper.make_node("Gemm", ["extra_pixels", "extra_weights"], ["extra_hidden"]),
        helper.make_node("Gemm", ["extra_hidden", "extra_nothing"], ["extra_zero"]),
        helper.make_node("Add", [softmax.input[0], "extra_zero"], ["extra_logits"]),
    ]
    softmax.input[0] = "extra_logits"
    position = list(graph.node).index(softmax)
    nodes = [*graph.node[:position], *extra, *graph.node[position:]]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)


def interleaved(path: Path) -> float:
    """The median ratio of a file's p50 to the model's, over five pairs of bare loops, without using the bench."""
    return median(bare_p50(path, 1) / bare_p50(MODEL, 1) for _ in range(PAIRS))


def compared(other: Path) -> Row:
    return summarize(measure([MODEL, other], runtimes=("onnxruntime",))).rows[1]


def ours(model: Path) -> Any:
    return summarize(measure([model], runtimes=("onnxruntime",))).rows[0]


def table() -> str:
    """The committed results, as a Markdown table."""
    found = read_result(RESULTS)
    pairs = [
        _pairs(found, *what) for what in (("loop", "p50", "a bare loop's"), ("loadgen", "p90", "MLPerf LoadGen's"))
    ]
    tries = (("same", "a model and its copy"), ("slower", "a model and a version with a fifth more work"))
    said = [(f"verdicts on {what}", _said(found[part])) for part, what in tries]
    whole = found["whole"]
    rows = [
        *(row for part in pairs for row in part),
        *said,
        (f"`edgecnn bench edge`, {len(whole['contenders'])} contenders", f"{whole['seconds']:.0f} s"),
        ("CPU time of the coordinator in that time", f"{whole['coordinator_share']:.2%}"),
    ]
    return markdown.table(("test", "result"), rows, words=2)


def _pairs(found: dict[str, Any], part: str, figure: str, other: str) -> list[tuple[str, str]]:
    """Our figure divided by another's, one row per model."""
    return [
        (f"{figure} divided by {other}, `{name}`", _spread(pairs))
        for name, pairs in found[part][f"{figure}_us"].items()
    ]


def _spread(pairs: list[dict[str, float]]) -> str:
    ratios = sorted(pair["edgecnn"] / next(v for k, v in pair.items() if k != "edgecnn") for pair in pairs)
    return f"{median(ratios):.3f}, median of {len(pairs)} pairs ({ratios[0]:.3f} to {ratios[-1]:.3f})"


def _said(part: dict[str, Any]) -> str:
    return ", ".join(f"{verdict} {count} of {len(part['runs'])}" for verdict, count in sorted(part["said"].items()))


def ratio_of(pairs: list[dict[str, float]], other: str) -> float:
    return median(pair["edgecnn"] / pair[other] for pair in pairs)


def python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def store(part: str, found: dict[str, Any]) -> None:
    host = this_host()
    update_result(RESULTS, **{part: {"host": str(host), "versions": host.versions, **found}})
    print(part, json.dumps({key: value for key, value in found.items() if key != "runs"}), flush=True)
