"""[onnx] Finds and edits the stem of a graph: the first convolution, and how it reads the image."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.graph.graph import TO_NCHW, Array, Graph, attributes


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution: image size, kernel size, stride and padding at the start, in pixels; outputs."""

    size: int
    kernel: int
    stride: int
    pad: int
    outputs: int


@dataclass(frozen=True, eq=False)
class Stem:
    """The first convolution, which reads a channels-last image as [batch, 1, height, width × channels].

    `pixels` names the tensor that holds the image, in any shape. `reshape` is the node between it and the convolution,
    if there is one. `weights` are [filters, channels, height, width].
    """

    conv: Any
    pixels: str
    reshape: Any | None
    channels: int
    weights: Array
    rows: Axis
    columns: Axis


def find_stem(graph: Graph) -> Stem | None:
    """The stem, or None.

    It is None if the first convolution does not read the image, has groups or dilations, or shares its input with
    another node.
    """
    conv = next((node for node in graph.nodes if node.op_type == "Conv"), None)
    if conv is None or graph.constant(conv.input[1]) is None or not _is_plain(attributes(conv)):
        return None
    maker = graph.producer(conv.input[0])
    reshape = maker if maker is not None and maker.op_type == "Reshape" else None
    shapes = graph.shapes(2)
    before, after = shapes.get(conv.input[0], ()), shapes.get(conv.output[0], ())
    if len(before) != 4 or before[1] != 1 or None in (*before, *after) or len(graph.consumers(conv.input[0])) > 1:
        return None
    pixels = shapes.get(reshape.input[0], ()) if reshape is not None else before
    channels = pixels[-1] if reshape is not None and len(pixels) == 4 else 1
    pixels_name = reshape.input[0] if reshape is not None else conv.input[0]
    return _stem(graph, conv, pixels_name, reshape, channels, before, after)


def _is_plain(values: dict[str, Any]) -> bool:
    plain = values.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID") and values.get("group", 1) == 1
    return plain and all(dilation == 1 for dilation in values.get("dilations", [1, 1]))


def _stem(
    graph: Graph, conv: Any, pixels: str, reshape: Any | None, channels: Any, before: Any, after: Any
) -> Stem | None:
    """The stem, with kernel, stride and padding in pixels.

    `nhwc_input_into_conv` made the convolution count the values of a color image, not its pixels: undo that.
    """
    values, flat = attributes(conv), graph.constant(conv.input[1])
    assert flat is not None
    filters, _, height, width = flat.shape
    (down, along), (top, left) = values.get("strides", [1, 1]), values.get("pads", [0, 0, 0, 0])[:2]
    if not channels or width % channels or along % channels or left % channels or before[3] % channels:
        return None
    weights = flat.reshape(filters, height, width // channels, channels).transpose(0, 3, 1, 2)
    rows = Axis(before[2], height, down, top, after[2])
    columns = Axis(before[3] // channels, width // channels, along // channels, left // channels, after[3])
    return Stem(conv, pixels, reshape, channels, weights, rows, columns)


def restore_channels(graph: Graph, stem: Stem) -> None:
    """Pass the image to the convolution as [batch, channels, height, width].

    int8 kernels cancel the Transpose that this adds.
    """
    rows, columns = stem.rows, stem.columns
    read_as(graph, stem, stem.pixels, (rows.size, columns.size, stem.channels))
    bottom, right = (axis_end(axis) for axis in (rows, columns))
    set_convolution(
        graph, stem.conv, stem.weights, (rows.stride, columns.stride), (rows.pad, columns.pad, bottom, right)
    )


def axis_end(axis: Axis) -> int:
    """The padding at the end of an axis, in pixels; 0 if the last kernel position ends within the image."""
    return max((axis.outputs - 1) * axis.stride + axis.kernel - axis.pad - axis.size, 0)


def read_as(graph: Graph, stem: Stem, pixels: str, shape: tuple[int, int, int]) -> None:
    """Let the convolution read the tensor `pixels`, unchanged in memory, as [height, width, channels]."""
    target = graph.add_constant(np.array([-1, *shape], np.int64))
    reshaped = graph.add("Reshape", [pixels, target])
    graph.set_input(stem.conv, 0, graph.add("Transpose", [reshaped], perm=TO_NCHW))


def set_convolution(
    graph: Graph, conv: Any, weights: Array, strides: tuple[int, int], pads: tuple[int, int, int, int]
) -> None:
    """Give a convolution new weights [filters, channels, height, width], strides (rows, columns) and padding.

    `pads` are top, left, bottom and right, as ONNX orders them.
    """
    inputs = [conv.input[0], graph.add_constant(weights), *conv.input[2:]]
    graph.replace(conv, "Conv", inputs, kernel_shape=list(weights.shape[2:]), strides=list(strides), pads=list(pads))
