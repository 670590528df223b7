"""Measure what it would save to keep the graph that onnxruntime optimized

Whole processes that import onnxruntime, open a model and label one image take turns: with the model, and with its
optimized graph from a file. edgecnn keeps no such graph: it would have to be trusted, and it saves less than a fifth of
a cold start. Writes benchmarks/results/kept_graph.json. Takes four minutes. Close other programs first.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lib import paths
from benchmarks.lib.results import update_result
from edgecnn.bench.stats import ratio
from edgecnn.folder import find_onnx
from edgecnn.host.machine import this_host
from edgecnn.runtime.classifier import save_optimized

RESULTS = paths.RESULTS / "kept_graph.json"
RUNS = 25
SHIPPED = ("nano", "edge", "accurate")
LAYERS, CHANNELS = 16, 128  # of the large network: 2.2 million weights
COLD_START = """\
import sys
import numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
if sys.argv[2] == "kept":
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
session.run(None, {session.get_inputs()[0].name: np.zeros((1, 28, 28), np.uint8)})
"""


def main(_: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        rows = [measured(name, model, Path(scratch)) for name, model in models(Path(scratch))]
    host = this_host()
    update_result(RESULTS, host=str(host), versions=host.versions, runs=RUNS, models=rows)


def models(folder: Path) -> Iterator[tuple[str, Path]]:
    for name in SHIPPED:
        for precision in ("model.onnx", "model.int8.onnx"):
            yield f"{name}/{precision}", find_onnx(name).with_name(precision)
    yield "large", write_large(folder / "large.onnx")


def measured(name: str, model: Path, folder: Path) -> dict[str, Any]:
    """The seconds of each process, and how many times as long one takes without the kept graph."""
    kept = folder / "kept.onnx"
    save_optimized(model, kept)
    seconds: dict[str, list[float]] = {"model": [], "kept": []}
    for number in range(RUNS + 1):
        for way, file in (("model", model), ("kept", kept)):
            taken = cold_start(file, way)
            if number:  # the first turn only fills the disk cache
                seconds[way].append(taken)
    gain = ratio(seconds["model"], seconds["kept"])
    saved = [1 - 1 / value if value else None for value in (gain.value, gain.low, gain.high)]
    print(f"{name}: a kept graph saves {saved[0]:.1%} ({saved[1]:.1%} to {saved[2]:.1%}) of a cold start")
    return {"model": name, "bytes": model.stat().st_size, "saved": saved, "seconds": seconds}


def cold_start(file: Path, way: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", COLD_START, str(file), way], check=True)
    return time.perf_counter() - started


def write_large(path: Path) -> Path:
    """A network of 16 convolutions, of 9 MB, with random weights."""
    import onnx
    from onnx import helper, numpy_helper

    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["pixels", "axis"], ["relu0"]),
    ]
    tensors = [numpy_helper.from_array(np.array([1]), "axis")]
    for layer in range(LAYERS):
        shape = (CHANNELS, CHANNELS if layer else 1, 3, 3)
        tensors.append(numpy_helper.from_array(random.normal(0, 0.01, shape).astype(np.float32), f"weight{layer}"))
        stride = 2 if layer in (0, 4, 8) else 1
        nodes.append(
            helper.make_node(
                "Conv",
                [f"relu{layer}", f"weight{layer}"],
                [f"conv{layer}"],
                kernel_shape=[3, 3],
                strides=[stride, stride],
                pads=[1, 1, 1, 1],
            )
        )
        nodes.append(helper.make_node("Relu", [f"conv{layer}"], [f"relu{layer + 1}"]))
    nodes += [
        helper.make_node("GlobalAveragePool", [f"relu{LAYERS}"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["scores"]),
    ]
    image = helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["batch", 28, 28])
    scores = helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, ["batch", CHANNELS])
    graph = helper.make_graph(nodes, "large", [image], [scores], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
