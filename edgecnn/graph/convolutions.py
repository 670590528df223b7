"""[onnx] Predicts, before a float32 file is quantized, how fast its convolutions will run in int8."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecnn.graph.fast_paths import Convolution, Judged, judge
from edgecnn.graph.graph import Graph, attributes
from edgecnn.graph.loading import load_model, telling_of_damage


def judged_convolutions(path: Path) -> tuple[Judged, ...]:
    """Judge each convolution as if it were static int8 with symmetric weights, as edgecnn quantizes it.

    Raises ModelError, and MissingDependencyError without onnx.
    """
    model = load_model(path)
    with telling_of_damage(path):
        return tuple(judge(convolution) for convolution in _convolutions(Graph(model)))


def _convolutions(graph: Graph) -> Iterator[Convolution]:
    """The convolutions whose weights are stored in the file."""
    dims = {tensor.name: tuple(tensor.dims) for tensor in graph.proto.initializer}
    for node in graph.nodes:
        if node.op_type != "Conv" or node.input[1] not in dims:
            continue
        values = attributes(node)
        outputs, inputs, *kernel = dims[node.input[1]]
        group = values.get("group", 1)
        yield Convolution(
            name=node.name or node.output[0],
            inputs=inputs * group,
            outputs=outputs,
            kernel=tuple(kernel),
            group=group,
            plain=is_plain(values),
        )


def is_plain(values: dict[str, Any]) -> bool:
    """Whether a convolution with these attributes has a stride of 1 and no padding."""
    padded = any(values.get("pads", ())) or values.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")
    return not padded and set(values.get("strides", ())) <= {1}
