"""[onnx] Replaces computed shapes by constants, and Reshapes and Transposes by simpler operators."""

import math
from typing import Any

import numpy as np

from edgecnn.graph.graph import Array, Graph, attributes

# The inputs of each operator that are shapes, sizes and positions.
SHAPE_INPUTS = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Pad": (1,),
    "Reshape": (1,),
    "Resize": (3,),
    "Slice": (1, 2, 3, 4),
    "Tile": (1,),
}


def fix_shapes(graph: Graph, node: Any) -> bool:
    """Replace a node's computed shapes, sizes and positions by constants, if they are the same for every batch size.

    Each one is computed for two batch sizes and compared. In a Reshape, one dimension may change with the batch size:
    it becomes -1. All of them must be replaced to get the same graph from every conversion, because TensorFlow's
    optimizer replaces some of them itself, and which ones differs from run to run.
    """
    changed = False
    for at in SHAPE_INPUTS.get(node.op_type, ()):
        name = node.input[at] if at < len(node.input) else ""
        if not name or graph.producer(name) is None:
            continue
        value = _target(graph, node) if node.op_type == "Reshape" else graph.computed_always(name)
        if value is not None:
            graph.set_input(node, at, graph.add_constant(value))
            changed = True
    return changed


def _target(graph: Graph, node: Any) -> Array | None:
    """The target of a Reshape for every batch size: -1 for the dimension that changes; None if more do."""
    two, three = (graph.computed(node.input[1], batch) for batch in (2, 3))
    if two is None or three is None or two.shape != three.shape:
        return None
    target = np.where(two != three, -1, two)
    if (target == -1).sum() > 1:  # one was open before: it follows from the number of values
        sizes = [_resolved(graph, node, value, batch) for value, batch in ((two, 2), (three, 3))]
        target = np.where(sizes[0] != sizes[1], -1, sizes[0])
    return target if (target == -1).sum() <= 1 else None


def _resolved(graph: Graph, node: Any, target: Array, batch: int) -> Array:
    """The target of a Reshape with the size in place of -1, if it is known."""
    shape = sizes_known(graph.shapes(batch).get(node.input[0], (None,)))
    others = math.prod(int(size) for size in target if size != -1)
    return np.where(target == -1, math.prod(shape) // others, target) if shape and others else target


def reshape_to_flatten(graph: Graph, node: Any) -> bool:
    """Replace a Reshape that flattens all but the batch dimension by a Flatten."""
    if node.op_type != "Reshape" or not is_flatten(graph, node):
        return False
    graph.replace(node, "Flatten", [node.input[0]], axis=1)
    return True


def singleton_transpose_to_reshape(graph: Graph, node: Any) -> bool:
    """Replace a Transpose that only moves dimensions of size 1 by a Reshape, because no value moves in memory."""
    if node.op_type != "Transpose":
        return False
    shape, order = graph.shapes(2).get(node.input[0], ()), attributes(node).get("perm", [])
    moved = [axis for axis in order if axis < len(shape) and shape[axis] != 1]
    if not shape or not order or order[0] != 0 or None in shape or moved != sorted(moved):
        return False
    target = graph.add_constant(np.array([-1, *(shape[axis] for axis in order[1:])], np.int64))
    graph.replace(node, "Reshape", [node.input[0], target])
    return True


def is_flatten(graph: Graph, node: Any) -> bool:
    """Whether a node keeps the batch dimension and joins all others into one."""
    if node.op_type == "Flatten":
        return bool(attributes(node).get("axis", 1) == 1)
    if node.op_type != "Reshape":
        return False
    shapes = graph.shapes(2)
    before, after = shapes.get(node.input[0], ()), shapes.get(node.output[0], ())
    return len(before) > 2 and len(after) == 2 and after[0] == 2 and before[0] == 2


def sizes_known(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """The shape if all its dimensions are known, otherwise ()."""
    return tuple(size for size in shape if size is not None) if None not in shape else ()
