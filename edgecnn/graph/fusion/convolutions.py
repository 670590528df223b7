"""[onnx] Merges constant factors, constant terms and the image's layout into convolutions."""

from typing import Any

import numpy as np

from edgecnn.graph.graph import RESHAPES, TO_NCHW, Array, Graph, attributes


def scale_into_weights(graph: Graph, node: Any) -> bool:
    """Move a constant factor from the input of a convolution or Gemm into its weights, so that pixels need no scaling.

    Reshapes and Transposes may stand between the two.
    """
    if node.op_type != "Mul":
        return False
    factors = [graph.scalar(name) for name in node.input]
    at = next((index for index, factor in enumerate(factors) if factor is not None), None)
    target = graph.only_consumer(node) if at is not None else None
    while target is not None and target.op_type in (*RESHAPES, "Transpose"):
        target = graph.only_consumer(target)
    weights = graph.constant(target.input[1]) if target is not None and target.op_type in ("Conv", "Gemm") else None
    if at is None or target is None or weights is None or _is_scale_of(graph, node, target):
        return False
    graph.set_input(target, 1, graph.add_constant((weights * factors[at]).astype(weights.dtype)))
    graph.bypass(node, node.input[1 - at])
    return True


def _is_scale_of(graph: Graph, node: Any, target: Any) -> bool:
    """Whether the product reaches the target as its weights or bias instead of as its data."""
    name = target.input[0]
    while name != node.output[0]:
        maker = graph.producer(name)
        if maker is None or maker.op_type not in (*RESHAPES, "Transpose"):
            return True
        name = maker.input[0]
    return False


def affine_into_conv(graph: Graph, conv: Any) -> bool:
    """Merge a constant factor or term per channel that follows a convolution into its weights and bias."""
    after = graph.only_consumer(conv) if conv.op_type == "Conv" else None
    weights = graph.constant(conv.input[1]) if after is not None and after.op_type in ("Mul", "Add") else None
    if after is None or weights is None:
        return False
    name = after.input[1] if after.input[0] == conv.output[0] else after.input[0]
    value = _per_channel(graph.constant(name), len(weights))
    bias = graph.constant(conv.input[2]) if has_bias(conv) else np.zeros(len(weights), weights.dtype)
    if value is None or bias is None:
        return False
    if after.op_type == "Mul":
        weights, bias = weights * value[:, None, None, None], bias * value
    else:
        bias = bias + value
    constants = [graph.add_constant(weights), graph.add_constant(bias)]
    graph.replace(conv, "Conv", [conv.input[0], *constants], **attributes(conv))
    graph.bypass(after, conv.output[0])
    return True


def has_bias(node: Any) -> bool:
    """Whether a Conv, ConvTranspose or Gemm has a bias. An omitted one may have an empty name."""
    return len(node.input) > 2 and bool(node.input[2])


def _per_channel(value: Array | None, channels: int) -> Array | None:
    """A constant that differs by channel only, as [channels]; None if it does not broadcast to the channels of NCHW."""
    if value is None or value.size not in (1, channels):
        return None
    if value.size == 1:
        return np.broadcast_to(value.reshape(-1), (channels,))
    shape = (1,) * (4 - value.ndim) + value.shape
    return value.reshape(-1) if shape == (1, channels, 1, 1) else None


def nhwc_input_into_conv(graph: Graph, node: Any) -> bool:
    """Let the first convolution read channels-last pixels directly, so that color images need no Transpose.

    An image [height, width, C] is treated as one channel of [height, width × C]. A kernel of kh × kw over C channels
    becomes a kernel of kh × (kw × C), and the horizontal stride and padding become C times as large. The sums stay the
    same.
    """
    if node.op_type != "Transpose" or attributes(node).get("perm") != TO_NCHW or graph.is_output(node.output[0]):
        return False
    _, height, width, channels = graph.shapes(2).get(node.input[0], (None,) * 4)
    convs = graph.consumers(node.output[0])
    if not (height and width and channels) or not all(_can_read_rows(graph, conv) for conv in convs):
        return False
    for conv in convs:
        _read_rows(graph, conv, channels)
    target = graph.add_constant(np.array([-1, 1, height, width * channels], np.int64))
    graph.replace(node, "Reshape", [node.input[0], target])
    return True


def _can_read_rows(graph: Graph, conv: Any) -> bool:
    values = attributes(conv)
    return (
        conv.op_type == "Conv"
        and graph.dims(conv.input[1]) is not None
        and values.get("group", 1) == 1
        and all(dilation == 1 for dilation in values.get("dilations", [1, 1]))
        and values.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    )


def _read_rows(graph: Graph, conv: Any, channels: int) -> None:
    values = attributes(conv)
    weights = graph.constant(conv.input[1])
    assert weights is not None
    outputs, _, rows, columns = weights.shape
    flat = weights.transpose(0, 2, 3, 1).reshape(outputs, 1, rows, columns * channels)
    top, left, bottom, right = values.get("pads", [0, 0, 0, 0])
    down, along = values.get("strides", [1, 1])
    graph.replace(
        conv,
        "Conv",
        [conv.input[0], graph.add_constant(flat), *conv.input[2:]],
        kernel_shape=[rows, columns * channels],
        strides=[down, along * channels],
        pads=[top, left * channels, bottom, right * channels],
    )
