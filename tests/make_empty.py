"""Makes empty.onnx and empty.tflite in edgecnn/bench/runtimes, the floors of latencies: python tests/make_empty.py

One Identity on uint8 [batch, 1]: what a runtime costs when there is nothing to compute.
"""

from typing import Any

import odd_models as odd
from onnx import helper

from edgecnn.bench.runtimes.litert import EMPTY as EMPTY_TFLITE
from edgecnn.bench.runtimes.runner import EMPTY
from edgecnn.training.backend import tensorflow


def make() -> Any:
    """The model, a ModelProto."""
    return odd.model_of(
        [helper.make_node("Identity", ["image"], ["nothing"])],
        [odd.value("image", "uint8", ["batch", 1])],
        [odd.value("nothing", "uint8", ["batch", 1])],
        {},
    )


def make_tflite() -> bytes:
    """The same for LiteRT."""
    tf = tensorflow("a test")
    taken = tf.TensorSpec((None, 1), tf.uint8)
    function = tf.function(tf.identity, input_signature=[taken], autograph=False).get_concrete_function()
    converted: bytes = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    return converted


if __name__ == "__main__":
    odd.save(make(), EMPTY)
    EMPTY_TFLITE.write_bytes(make_tflite())
