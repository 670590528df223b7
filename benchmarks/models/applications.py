"""Export every network of keras.applications: [NETWORK ...]

Each network is made without trained weights, for the smallest image that it allows and ten classes, and is then
converted in a process of its own. Its batch normalization gets the statistics of random images and its last layer
larger weights, so that answers differ as a trained network's do, but no more than float32 can tell apart: channels that
hardly vary count as a tenth as varied as the others, and weights grow 100 times at most. Seconds of processor time,
memory, the number of nodes, and the largest difference from Keras on 8 random images beside what `export` allows, are
written to benchmarks/results/applications.json, one by one; and `keras_rounding`, the difference in Keras's own answers
if the pixels are multiplied by 1 + 2⁻²², as float32 rounds.
Networks that are in the file already, with their seconds, are not measured again unless they are named. All of them
take hours; needs `onnxslim`, and 12 GB of memory for the largest networks.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result, replace_row, timed_here
from edgecnn.metrics import agreement
from edgecnn.preprocessing import NAMED
from edgecnn.training.backend import keras, tensorflow

PURPOSE = "converting the networks of keras.applications"
RESULTS = paths.RESULTS / "applications.json"
OPSET = 17
CLASSES, IMAGES, CALIBRATION = 10, 8, 16
SPREAD = 2.0  # the standard deviation of the scores: a trained network's answers are far from uniform
MOST_GROWTH = 100.0  # of the last layer's weights: what differs by less than 1 in 10⁴ before is mostly rounding
LEAST_VARIANCE = 0.1  # of a channel, as a share of the mean of its layer: what hardly varies would be blown up
MOST_SECONDS = 3600
MEGABYTE = 2**20
WITH_RESCALING = ("MobileNetV3", "EfficientNet", "ConvNeXt")  # they scale pixels to 255 themselves


@dataclass(frozen=True)
class Network:
    """A network by its name in keras.applications, its smallest image in pixels, and its parameters in millions."""

    name: str
    size: int
    millions: float

    @property
    def pixels(self) -> str:
        """The range of its input."""
        return "0..255" if self.name.startswith(WITH_RESCALING) else "-1..1"


# In order of size.
NETWORKS = {
    item.name: item
    for item in (
        Network("MobileNetV3Small", 32, 0.9),
        Network("MobileNetV2", 32, 2.3),
        Network("MobileNetV3Large", 32, 3.0),
        Network("MobileNet", 32, 3.2),
        Network("EfficientNetB0", 32, 4.1),
        Network("NASNetMobile", 32, 4.3),
        Network("EfficientNetV2B0", 32, 5.9),
        Network("EfficientNetB1", 32, 6.6),
        Network("EfficientNetV2B1", 32, 6.9),
        Network("DenseNet121", 32, 7.0),
        Network("EfficientNetB2", 32, 7.8),
        Network("EfficientNetV2B2", 32, 8.8),
        Network("EfficientNetB3", 32, 10.8),
        Network("DenseNet169", 32, 12.7),
        Network("EfficientNetV2B3", 32, 13.0),
        Network("VGG16", 32, 14.7),
        Network("EfficientNetB4", 32, 17.7),
        Network("DenseNet201", 32, 18.3),
        Network("VGG19", 32, 20.0),
        Network("EfficientNetV2S", 32, 20.3),
        Network("Xception", 71, 20.9),
        Network("InceptionV3", 75, 21.8),
        Network("ResNet50V2", 32, 23.6),
        Network("ResNet50", 32, 23.6),
        Network("ConvNeXtTiny", 32, 27.8),
        Network("EfficientNetB5", 32, 28.5),
        Network("EfficientNetB6", 32, 41.0),
        Network("ResNet101V2", 32, 42.6),
        Network("ResNet101", 32, 42.7),
        Network("ConvNeXtSmall", 32, 49.5),
        Network("EfficientNetV2M", 32, 53.2),
        Network("InceptionResNetV2", 75, 54.4),
        Network("ResNet152V2", 32, 58.4),
        Network("ResNet152", 32, 58.4),
        Network("EfficientNetB7", 32, 64.1),
        Network("NASNetLarge", 32, 85.0),
        Network("ConvNeXtBase", 32, 87.6),
        Network("EfficientNetV2L", 32, 117.8),
        Network("ConvNeXtLarge", 32, 196.2),
        Network("ConvNeXtXLarge", 32, 348.2),
    )
}


def main(names: Sequence[str]) -> None:
    for name in names or [name for name in NETWORKS if name not in already_measured()]:
        row = measured(NETWORKS[name])
        replace_row(RESULTS, "networks", timed_here(row), ["name"], _order, opset=OPSET)
        print(json.dumps(row), flush=True)


def already_measured() -> set[str]:
    """The networks that were exported already, with their seconds."""
    return {row["name"] for row in read_result(RESULTS).get("networks", []) if "convert_seconds" in row}


def _order(row: Row) -> int:
    return list(NETWORKS).index(row["name"])


def measured(network: Network) -> Row:
    """The network's row: what was measured, or the reason why it could not be exported."""
    with tempfile.TemporaryDirectory() as scratch:
        row: Row = {"name": network.name, "size": network.size}
        for step in ("make", "convert_one"):
            found, reason = _in_process(step, network.name, scratch)
            if reason:
                return row | {"reason": reason}
            row |= found
    return row


def _in_process(step: str, name: str, folder: str) -> tuple[Row, str]:
    """What a function of this module returns in a process of its own, and one line if it failed."""
    code = f"from benchmarks.models import applications as a; a.tell(a.{step}(a.NETWORKS[{name!r}], {folder!r}))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"it takes more than {MOST_SECONDS} s"
    if done.returncode:
        return {}, _reason(done.stderr) or f"its process ended with {done.returncode}"
    return json.loads(done.stdout.splitlines()[-1]), ""


def _reason(stderr: str) -> str:
    """The last line that is a message, without the exception's module and the folder's name."""
    lines = [line for line in stderr.splitlines() if re.match(r"^[\w.]+(Error|Exception)?: ", line)]
    return re.sub(r"^[\w.]+: |/\S*/", "", lines[-1])[:300] if lines else ""


def tell(row: Row) -> None:
    print(json.dumps(row))


def make(network: Network, folder: str) -> Row:
    """Save the network, untrained, as `model.keras`."""
    module = keras(PURPOSE)
    module.utils.set_random_seed(0)
    build = getattr(module.applications, network.name)
    model = build(weights=None, classes=CLASSES, input_shape=(network.size, network.size, 3))
    spread_answers(model, images_of(network, CALIBRATION))
    model.save(Path(folder) / "model.keras")
    return {"parameters": model.count_params()}


def spread_answers(model: Any, images: NDArray[np.float32]) -> None:
    """Give batch normalization the statistics of the images, and the last layer weights that answer differently."""
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = 0.0
        if type(layer).__name__ == "LayerScale":  # it begins with 1e-6, which hides the whole branch
            layer.set_weights([np.full(weight.shape, 0.3, np.float32) for weight in layer.get_weights()])
    model(images, training=True)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            variance = np.asarray(layer.moving_variance)
            layer.moving_variance.assign(np.maximum(variance, LEAST_VARIANCE * variance.mean()))
    probabilities = np.asarray(model(images, training=False), np.float64)
    scores = np.log(np.maximum(probabilities, 1e-30))
    last = next(layer for layer in reversed(model.layers) if getattr(layer, "kernel", None) is not None)
    factor = np.float32(min(MOST_GROWTH, SPREAD / scores.std(axis=0).mean()))
    last.kernel.assign(last.kernel * factor)
    last.bias.assign((last.bias - scores.mean(axis=0).astype(np.float32)) * factor)


def images_of(network: Network, count: int) -> NDArray[np.float32]:
    """Random images, float32 [count, size, size, 3] as the network takes them, each with its own contrast and grain."""
    rng = np.random.default_rng(0)
    grain = -(-network.size // 4)
    coarse = rng.uniform(-1, 1, (count, grain, grain, 3)).repeat(4, axis=1).repeat(4, axis=2)
    fine = rng.uniform(-1, 1, (count, network.size, network.size, 3))
    share = rng.uniform(0, 1, (count, 1, 1, 1))
    images = share * coarse[:, : network.size, : network.size] + (1 - share) * fine
    images = (images * rng.uniform(0.2, 1, (count, 1, 1, 1))).clip(-1, 1)
    return ((images + 1) * 127.5 if network.pixels == "0..255" else images).astype(np.float32)


def convert_one(network: Network, folder: str) -> Row:
    """Convert `model.keras` and compare the two."""
    from edgecnn.exporting.conversion import convert
    from edgecnn.exporting.original import load_original

    tf = tensorflow(PURPOSE)
    keras(PURPOSE)
    tf.function(tf.nn.relu, input_signature=[tf.TensorSpec((None, 1))])(tf.zeros((4, 1)))
    own, started = _peak(), time.process_time()
    original = load_original(Path(folder) / "model.keras")
    loaded = time.process_time()
    model = convert(original, OPSET)
    ended, peak = time.process_time(), _peak()
    images = images_of(network, IMAGES)
    expected = np.asarray(original.forward(images))
    row = _compared(network, model, Path(folder) / "model.onnx", expected, images)
    moved = np.asarray(original.forward(images * np.float32(1 + 2**-22)))
    return {
        "load_seconds": round(loaded - started, 1),
        "convert_seconds": round(ended - loaded, 1),
        "tensorflow_megabytes": own // MEGABYTE,
        "peak_megabytes": peak // MEGABYTE,
        **row,
        "keras_rounding": float(np.abs(moved - expected).max()),
        **_nodes(model, original),
    }


def _peak() -> int:
    """The most bytes of memory that this process had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _compared(network: Network, model: Any, path: Path, expected: Any, images: NDArray[np.float32]) -> Row:
    """The largest differences, and what the export's verification allows."""
    from edgecnn.exporting.verify import allowed_difference
    from edgecnn.graph.describe import weighted_layers
    from edgecnn.runtime.classifier import Classifier

    path.write_bytes(model.SerializeToString())
    classifier = Classifier(path, preprocessing=NAMED[network.pixels])
    got, reference = classifier.scores(images), np.asarray(expected)
    relative = np.abs(got - reference) / np.maximum(reference, 1e-3)
    return {
        "difference": float(np.abs(got - reference).max()),
        "allowed": allowed_difference(classifier, images, weighted_layers(model)),
        "relative_difference": float(relative.max()),
        "agreement": agreement(got.argmax(axis=1), reference.argmax(axis=1)),
        "classes_answered": len(set(reference.argmax(axis=1).tolist())),
    }


def _nodes(model: Any, original: Any) -> Row:
    """The number of nodes of our graph, of tf2onnx's, and of both after OnnxSlim."""
    import onnxslim

    from edgecnn.exporting.conversion import converted

    raw = converted(original, OPSET)
    counts = {"nodes": len(model.graph.node), "nodes_tf2onnx": len(raw.graph.node)}
    for name, graph in (("nodes_onnxslim", raw), ("nodes_onnxslim_of_ours", model)):
        slim = onnxslim.slim(graph)
        counts[name] = len(slim.graph.node)
    return counts


def table() -> str:
    rows = [
        [f"`{row['name']}`", *([row["reason"], *[""] * 6] if "reason" in row else _cells(row))]
        for row in read_result(RESULTS)["networks"]
    ]
    headings = ["network", "parameters", "seconds", "difference", "allowed", "nodes", "tf2onnx", "OnnxSlim"]
    note = f"{len(rows)} of {len(NETWORKS)} networks were measured. Seconds are processor time."
    return markdown.table(headings, rows, [note, *_too_different()])


def _too_different() -> Iterator[str]:
    for row in read_result(RESULTS)["networks"]:
        if row.get("difference", 0.0) > row.get("allowed", 1.0):
            moved = f"where pixels are rounded otherwise, Keras's own answers differ by {row['keras_rounding']:.1g}"
            yield f"`{row['name']}`: {moved}"


def _cells(row: Row) -> list[str]:
    seconds = f"{row['convert_seconds']:.0f} s" if "convert_seconds" in row else "–"
    nodes = [str(row[name]) for name in ("nodes", "nodes_tf2onnx", "nodes_onnxslim")]
    size = f"{row['parameters'] / 1e6:.1f} M"
    return [size, seconds, f"{row['difference']:.1e}", f"{row['allowed']:.1e}", *nodes]
