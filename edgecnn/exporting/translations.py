"""[TensorFlow] Translates TensorFlow operators that tf2onnx does not know, and says what to do about the others."""

from collections.abc import Callable
from typing import Any

import numpy as np

# Replaces a node of tf2onnx's graph: (graph, node, the node's name, arguments).
Translation = Callable[[Any, Any, str, Any], None]


def _erfc(graph: Any, node: Any, _name: str, _arguments: Any) -> None:
    """erfc(x) = 1 - erf(x)."""
    [shape], [dtype] = node.output_shapes, node.output_dtypes
    numbers = np.float64 if dtype == graph.get_dtype(node.input[0]) == 11 else np.float32
    graph.remove_node(node.name)
    one = graph.make_const(f"{node.name}_one", np.array(1, numbers))
    erf = graph.make_node("Erf", [node.input[0]], shapes=[shape], dtypes=[dtype])
    graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=node.output, shapes=[shape], dtypes=[dtype])


TRANSLATIONS: dict[str, tuple[Translation, list[Any]]] = {"Erfc": (_erfc, [])}

# What to do about operators that cannot be translated. The first entry whose words are part of the name is used.
ADVICE = {
    ("Random",): "it is random: build the network without that layer for inference",
    ("ImageProjective", "ScaleAndTranslate"): "it distorts pictures: do that to the data, outside of the network",
    (
        "TensorList",
        "While",
        "If",
        "PartitionedCall",
        "Case",
    ): "it is a loop or a branch: use unroll=True in a recurrent layer, or a convolution in its place",
    ("FFT", "Svd", "Qr", "Cholesky", "Matrix"): "ONNX has no such operator: compute it outside of the network",
    ("Bincount", "Unique", "Hash", "Lookup", "String"): "it counts or looks up words: do that outside of the network",
    ("Conv3D", "Pool3D"): "it works on volumes, and an image classifier on pictures: use the 2D layer",
    ("Erfinv", "Igamma", "Lgamma", "Digamma", "Bessel", "Ndtri", "Zeta", "Polygamma"): "ONNX has no such function: use "
    "another activation, such as relu or swish",
}
OTHERWISE = "replace the layer that uses it by others and train again, or try a newer --opset"


def advice_for(operators: list[str]) -> str:
    """What to do about TensorFlow operators that ONNX lacks, in half a sentence."""
    found = (advice for words, advice in ADVICE.items() if any(word in operators[0] for word in words))
    return next(found, OTHERWISE)
