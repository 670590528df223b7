"""[onnx] Small patterns that make a converted graph clean. Each returns whether it changed anything."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgecnn.graph.graph import Array, Graph, attributes

TO_NCHW = [0, 3, 1, 2]
TO_NHWC = [0, 2, 3, 1]
RESHAPES = ("Reshape", "Flatten", "Unsqueeze", "Squeeze")
# Where operators take shapes, sizes and positions.
SHAPE_INPUTS = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Pad": (1,),
    "Reshape": (1,),
    "Resize": (3,),
    "Slice": (1, 2, 3, 4),
    "Tile": (1,),
}
# More rounds than any chain of patterns takes: running out of them would be a pair of patterns undoing each other.
MOST_ROUNDS = 1000

Rewrite = Callable[[Graph], bool]


def clean(model: Any, input_name: str, output_name: str) -> None:
    """Rewrite a converted model in place to a fixpoint of REWRITES, and name its tensors."""
    graph = Graph(model)
    for _ in range(MOST_ROUNDS):
        graph.drop_dead()
        if not any(rewrite(graph) for rewrite in REWRITES):
            break
    else:
        raise AssertionError("the rewrites do not reach a fixpoint")
    graph.sort()
    graph.rename(input_name, output_name)


def constants_to_initializers(graph: Graph) -> bool:
    for node in graph.nodes:
        value = _value_of(graph, node) if node.op_type == "Constant" else None
        if value is not None:
            graph.bypass(node, graph.add_constant(value))
            return True
    return False


def _value_of(graph: Graph, node: Any) -> Array | None:
    """What a Constant holds, or None for text and sparse tensors."""
    [(form, value)] = attributes(node).items()
    if form == "value":
        array: Array = graph.onnx.numpy_helper.to_array(value)
        return array
    types = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    return np.array(value, types[form]) if form in types else None


def drop_neutral(graph: Graph) -> bool:
    """x + 0, x × 1 and Identity."""
    for node in graph.nodes:
        for at, constant in enumerate(node.input[:2]):
            neutral = {"Add": 0.0, "Mul": 1.0}.get(node.op_type)
            if neutral is not None and graph.scalar(constant) == neutral:
                graph.bypass(node, node.input[1 - at])
                return True
        if node.op_type == "Identity" and graph.producer(node.input[0]) is not None:
            graph.bypass(node, node.input[0])
            return True
    return False


def fix_shapes(graph: Graph) -> bool:
    """Replace shapes, sizes and positions that are computed from the batch's size, and come out the same for every one.

    Each is computed for two batch sizes. Of a Reshape's target one dimension may move with the batch: it becomes -1.
    TensorFlow's optimizer folds some of them itself, but which ones changes from run to run: an identical graph
    follows only if none is left.
    """
    changed = False
    for node in graph.nodes:
        for at in SHAPE_INPUTS.get(node.op_type, ()):
            name = node.input[at] if at < len(node.input) else ""
            if not name or graph.producer(name) is None:
                continue
            value = _for_every_batch(graph, name, may_move=node.op_type == "Reshape")
            if value is not None:
                node.input[at] = graph.add_constant(value)
                changed = True
    return changed


def _for_every_batch(graph: Graph, name: str, *, may_move: bool) -> Array | None:
    two, three = (graph.computed(name, batch) for batch in (2, 3))
    if two is None or three is None or two.shape != three.shape:
        return None
    moving = two != three
    return np.where(moving, -1, two) if moving.sum() <= may_move else None


def transposed_flatten_to_gemm(graph: Graph) -> bool:
    """Flatten NHWC then multiply = flatten NCHW then multiply by weights whose rows are put in NCHW order."""
    for transpose in graph.nodes:
        if transpose.op_type != "Transpose" or attributes(transpose).get("perm") != TO_NHWC:
            continue
        flatten = graph.only_consumer(transpose)
        product = flatten and is_flatten(graph, flatten) and graph.only_consumer(flatten)
        shape = sizes_known(graph.shapes(2).get(transpose.output[0], ())[1:])
        if not product or product.op_type not in ("MatMul", "Gemm") or not shape:
            continue
        weights = graph.constant(product.input[1])
        transposed = product.op_type == "Gemm" and attributes(product).get("transB")
        if weights is None or weights.ndim != 2 or transposed or weights.shape[0] != math.prod(shape):
            continue
        rows = weights.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(weights.shape)
        product.input[1] = graph.add_constant(rows)
        graph.bypass(transpose, transpose.input[0])
        return True
    return False


def sizes_known(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """A shape without open dimensions, else ()."""
    return tuple(size for size in shape if size is not None) if None not in shape else ()


def matmul_to_gemm(graph: Graph) -> bool:
    """A matrix product with constant weights, and the bias added to it, is one Gemm."""
    for node in graph.nodes:
        if node.op_type != "MatMul":
            continue
        weights, rank = graph.constant(node.input[1]), len(graph.shapes(2).get(node.input[0], ()))
        if weights is None or weights.ndim != 2 or rank != 2:
            continue
        graph.replace(node, "Gemm", list(node.input))
        return True
    return False


def bias_to_gemm(graph: Graph) -> bool:
    for node in graph.nodes:
        add = graph.only_consumer(node) if node.op_type == "Gemm" and len(node.input) == 2 else None
        if add is None or add.op_type != "Add":
            continue
        name = add.input[1] if add.input[0] == node.output[0] else add.input[0]
        bias, weights = graph.constant(name), graph.constant(node.input[1])
        if bias is None or weights is None or bias.size not in (1, weights.shape[-1]) or bias.size != bias.shape[-1]:
            continue
        node.input.append(graph.add_constant(np.broadcast_to(bias.reshape(-1), weights.shape[-1:])))
        graph.bypass(add, node.output[0])
        return True
    return False


def reshape_to_flatten(graph: Graph) -> bool:
    for node in graph.nodes:
        if node.op_type == "Reshape" and is_flatten(graph, node):
            graph.replace(node, "Flatten", [node.input[0]], axis=1)
            return True
    return False


def is_flatten(graph: Graph, node: Any) -> bool:
    """Whether a node keeps the first dimension and joins all others."""
    if node.op_type == "Flatten":
        return bool(attributes(node).get("axis", 1) == 1)
    if node.op_type != "Reshape":
        return False
    shapes = graph.shapes(2)
    before, after = shapes.get(node.input[0], ()), shapes.get(node.output[0], ())
    return len(before) > 2 and len(after) == 2 and after[0] == 2 and before[0] == 2


def scale_into_weights(graph: Graph) -> bool:
    """x × c, reshaped or not, then a convolution or Gemm = the same with c in the weights: pixels need no scaling."""
    for node in graph.nodes:
        if node.op_type != "Mul":
            continue
        factors = [graph.scalar(name) for name in node.input]
        at = next((index for index, factor in enumerate(factors) if factor is not None), None)
        if at is None:
            continue
        target = graph.only_consumer(node)
        while target is not None and target.op_type in (*RESHAPES, "Transpose"):
            target = graph.only_consumer(target)
        weights = graph.constant(target.input[1]) if target is not None and target.op_type in ("Conv", "Gemm") else None
        if target is None or weights is None or _is_scale_of(graph, node, target):
            continue
        target.input[1] = graph.add_constant((weights * factors[at]).astype(weights.dtype))
        graph.bypass(node, node.input[1 - at])
        return True
    return False


def _is_scale_of(graph: Graph, node: Any, target: Any) -> bool:
    """Whether the product reaches a Gemm as its weights or bias rather than as its data."""
    name = target.input[0]
    while name != node.output[0]:
        maker = graph.producer(name)
        if maker is None or maker.op_type not in (*RESHAPES, "Transpose"):
            return True
        name = maker.input[0]
    return False


def affine_into_conv(graph: Graph) -> bool:
    """A convolution, then a constant factor or term per channel = a convolution with both in its weights and bias."""
    for conv in graph.nodes:
        after = graph.only_consumer(conv) if conv.op_type == "Conv" else None
        weights = graph.constant(conv.input[1]) if after is not None else None
        if after is None or weights is None or after.op_type not in ("Mul", "Add"):
            continue
        name = after.input[1] if after.input[0] == conv.output[0] else after.input[0]
        value = _per_channel(graph.constant(name), len(weights))
        bias = graph.constant(conv.input[2]) if len(conv.input) > 2 else np.zeros(len(weights), weights.dtype)
        if value is None or bias is None:
            continue
        if after.op_type == "Mul":
            weights, bias = weights * value[:, None, None, None], bias * value
        else:
            bias = bias + value
        constants = [graph.add_constant(weights), graph.add_constant(bias)]
        graph.replace(conv, "Conv", [conv.input[0], *constants], **attributes(conv))
        graph.bypass(after, conv.output[0])
        return True
    return False


def _per_channel(value: Array | None, channels: int) -> Array | None:
    """A constant that broadcasts over [batch, channels, height, width] by channel only, as [channels], else None."""
    if value is None or value.size not in (1, channels):
        return None
    if value.size == 1:
        return np.broadcast_to(value.reshape(-1), (channels,))
    shape = (1,) * (4 - value.ndim) + value.shape
    return value.reshape(-1) if shape == (1, channels, 1, 1) else None


def nhwc_input_into_conv(graph: Graph) -> bool:
    """A first convolution reads channels-last pixels as they lie, so that color images need no Transpose.

    [height, width, C] is also one channel of [height, width × C]; a kernel of kh × kw over C channels is one of
    kh × (kw × C) there, with C times the horizontal stride and padding. The sums are the same.
    """
    for node in graph.nodes:
        if node.op_type != "Transpose" or attributes(node).get("perm") != TO_NCHW or graph.is_output(node.output[0]):
            continue
        _, height, width, channels = graph.shapes(2).get(node.input[0], (None,) * 4)
        convs = graph.consumers(node.output[0])
        if not (height and width and channels) or not all(_can_read_rows(graph, conv) for conv in convs):
            continue
        for conv in convs:
            _read_rows(graph, conv, channels)
        target = graph.add_constant(np.array([-1, 1, height, width * channels], np.int64))
        graph.replace(node, "Reshape", [node.input[0], target])
        return True
    return False


def _can_read_rows(graph: Graph, conv: Any) -> bool:
    values = attributes(conv)
    return (
        conv.op_type == "Conv"
        and graph.constant(conv.input[1]) is not None
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


def singleton_transpose_to_reshape(graph: Graph) -> bool:
    """A Transpose that moves only dimensions of size 1 moves no value: it is a Reshape."""
    for node in graph.nodes:
        if node.op_type != "Transpose":
            continue
        shape, order = graph.shapes(2).get(node.input[0], ()), attributes(node).get("perm", [])
        moved = [axis for axis in order if axis < len(shape) and shape[axis] != 1]
        if not shape or order[0] != 0 or None in shape or moved != sorted(moved):
            continue
        target = graph.add_constant(np.array([-1, *(shape[axis] for axis in order[1:])], np.int64))
        graph.replace(node, "Reshape", [node.input[0], target])
        return True
    return False


REWRITES: tuple[Rewrite, ...] = (
    constants_to_initializers,
    drop_neutral,
    fix_shapes,
    transposed_flatten_to_gemm,
    matmul_to_gemm,
    bias_to_gemm,
    affine_into_conv,
    scale_into_weights,
    reshape_to_flatten,
    singleton_transpose_to_reshape,
    nhwc_input_into_conv,
)
