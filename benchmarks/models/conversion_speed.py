"""Measure how the time of an export grows with the number of nodes: [BLOCKS ...]

Networks of 3, 10, 33 and 66 blocks of MobileNetV3 are converted, each in a process of its own: their graphs have about
100 to 2,000 nodes as tf2onnx makes them. Seconds of processor time of the clean-up, of the whole conversion and of
the command `edgecnn export`, all of its processes together, are written to benchmarks/results/conversion_speed.json.
Takes three minutes.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result, replace_row, timed_here
from edgecnn.training.backend import keras

PURPOSE = "measuring conversions"
RESULTS = paths.RESULTS / "conversion_speed.json"
OPSET = 17
BLOCKS = (3, 10, 33, 66)
SIDE, CHANNELS, EXPANDED = 32, 8, 16


def main(arguments: Sequence[str]) -> None:
    for blocks in map(int, arguments or map(str, BLOCKS)):
        row = measured(blocks)
        replace_row(RESULTS, "graphs", timed_here(row), ["blocks"], lambda item: item["blocks"])
        print(json.dumps(row), flush=True)


def measured(blocks: int) -> Row:
    """The row of a network: its nodes before and after the clean-up, and seconds of processor time."""
    with tempfile.TemporaryDirectory() as scratch:
        _run([sys.executable, "-c", f"from {__name__} import make; make({blocks}, {scratch!r})"])
        told = _run([sys.executable, "-c", f"from {__name__} import tell; tell({scratch!r})"])
        before = _seconds(resource.RUSAGE_CHILDREN)
        out = f"{scratch}/out"
        _run([sys.executable, "-m", "edgecnn", "export", f"{scratch}/model.keras", "--out", out, "--quiet"])
        export = _seconds(resource.RUSAGE_CHILDREN) - before
    return {"blocks": blocks, **json.loads(told.splitlines()[-1]), "export_s": round(export, 2)}


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, cwd=paths.ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def _seconds(whose: int) -> float:
    """The processor time of this process, or of those that it waited for, and of those that they waited for."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def make(blocks: int, folder: str) -> None:
    """Save a network of blocks as `model.keras`."""
    module = keras(PURPOSE)
    layers = module.layers
    module.utils.set_random_seed(0)
    image = layers.Input((SIDE, SIDE, 3))
    tensor = layers.Conv2D(CHANNELS, 3, padding="same")(layers.Rescaling(1 / 255)(image))
    for _ in range(blocks):
        tensor = block(layers, tensor)
    answer = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(tensor))
    module.Model(image, answer).save(Path(folder) / "model.keras")


def block(layers: Any, tensor: Any) -> Any:
    """A block of MobileNetV3: expansion, depthwise convolution, squeeze and excitation, projection, residual."""
    wide = layers.Conv2D(EXPANDED, 1, use_bias=False)(tensor)
    wide = layers.Activation("hard_silu")(layers.BatchNormalization()(wide))
    wide = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(wide)
    wide = layers.Activation("hard_silu")(layers.BatchNormalization()(wide))
    mean = layers.GlobalAveragePooling2D(keepdims=True)(wide)
    weight = layers.Conv2D(EXPANDED, 1, activation="hard_sigmoid")(layers.Conv2D(CHANNELS, 1, activation="relu")(mean))
    narrow = layers.Conv2D(CHANNELS, 1, use_bias=False)(layers.Multiply()([wide, weight]))
    return layers.Add()([tensor, layers.BatchNormalization()(narrow)])


def tell(folder: str) -> None:
    """Convert `model.keras`, and print how long that took."""
    from edgecnn.exporting import conversion
    from edgecnn.exporting.original import load_original
    from edgecnn.graph.cleanup import clean, finish

    original = load_original(Path(folder) / "model.keras")
    started = time.process_time()
    model = conversion.converted(original, OPSET)
    before, cleaning = len(model.graph.node), time.process_time()
    clean(model, "image", "scores")
    cleaned = time.process_time()
    finish(model, original.outputs, OPSET)
    seconds = {"cleanup_s": cleaned - cleaning, "convert_s": time.process_time() - started}
    rounded = {name: round(value, 2) for name, value in seconds.items()}
    print(json.dumps({"converted_nodes": before, "nodes": len(model.graph.node), **rounded}))


def table() -> str:
    rows = [
        [
            str(row["converted_nodes"]),
            str(row["nodes"]),
            f"{row['cleanup_s']:.2f} s",
            f"{row['convert_s']:.1f} s",
            f"{row['export_s']:.0f} s",
        ]
        for row in read_result(RESULTS)["graphs"]
    ]
    headings = ["nodes as converted", "nodes as exported", "clean-up", "conversion with it", "`edgecnn export`"]
    note = "Seconds of processor time; `edgecnn export` includes loading TensorFlow and comparing 1,000 images."
    return markdown.table(headings, rows, [note], words=0)
