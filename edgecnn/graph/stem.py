"""[onnx] Finds a graph's stem: the first convolution, and how it reads the image."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.graph.graph import TO_NCHW, Array, Graph, attributes


@dataclass(frozen=True)
class Axis:
    """How a convolution walks along one axis, in pixels."""

    size: int
    kernel: int
    stride: int
    pad: int
    outputs: int


@dataclass(frozen=True, eq=False)
class Stem:
    """The first convolution of an image [batch, height, width × channels], whose pixels lie channels-last.

    `pixels` is the tensor that holds them, in whatever shape; `weights` are [filters, channels, height, width].
    """

    conv: Any
    pixels: str
    reshape: Any | None
    channels: int
    weights: Array
    rows: Axis
    columns: Axis


def find_stem(graph: Graph) -> Stem | None:
    """The stem, or None where the first convolution reads something else, has groups or dilations, or isn't alone."""
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
    """Undo what `nhwc_input_into_conv` does for color: kernel, stride and padding count values, not pixels."""
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
    """Give the convolution its image as [batch, channels, height, width], by a Transpose that int8 kernels cancel."""
    rows, columns = stem.rows, stem.columns
    read_as(graph, stem, stem.pixels, (rows.size, columns.size, stem.channels))
    bottom, right = (axis_end(axis) for axis in (rows, columns))
    set_convolution(
        graph, stem.conv, stem.weights, (rows.stride, columns.stride), (rows.pad, columns.pad, bottom, right)
    )


def axis_end(axis: Axis) -> int:
    """The padding at the end, in pixels; a few pixels that no kernel reaches need none."""
    return max((axis.outputs - 1) * axis.stride + axis.kernel - axis.pad - axis.size, 0)


def read_as(graph: Graph, stem: Stem, pixels: str, shape: tuple[int, int, int]) -> None:
    """Have the convolution read the values of `pixels`, as they lie, as [height, width, channels]."""
    target = graph.add_constant(np.array([-1, *shape], np.int64))
    reshaped = graph.insert_before(stem.conv, "Reshape", [pixels, target])
    stem.conv.input[0] = graph.insert_before(stem.conv, "Transpose", [reshaped], perm=TO_NCHW)


def set_convolution(
    graph: Graph, conv: Any, weights: Array, strides: tuple[int, int], pads: tuple[int, int, int, int]
) -> None:
    """Give a convolution other weights [filters, channels, height, width] and the attributes that go with them."""
    inputs = [conv.input[0], graph.add_constant(weights), *conv.input[2:]]
    graph.replace(conv, "Conv", inputs, kernel_shape=list(weights.shape[2:]), strides=list(strides), pads=list(pads))
