"""[onnx] Shapes that are computed though they are known, and Reshapes and Transposes that are less than that."""

from typing import Any

import numpy as np

from edgecnn.graph.graph import Array, Graph, attributes

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


def reshape_to_flatten(graph: Graph) -> bool:
    for node in graph.nodes:
        if node.op_type == "Reshape" and is_flatten(graph, node):
            graph.replace(node, "Flatten", [node.input[0]], axis=1)
            return True
    return False


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


def is_flatten(graph: Graph, node: Any) -> bool:
    """Whether a node keeps the first dimension and joins all others."""
    if node.op_type == "Flatten":
        return bool(attributes(node).get("axis", 1) == 1)
    if node.op_type != "Reshape":
        return False
    shapes = graph.shapes(2)
    before, after = shapes.get(node.input[0], ()), shapes.get(node.output[0], ())
    return len(before) > 2 and len(after) == 2 and after[0] == 2 and before[0] == 2


def sizes_known(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """A shape without open dimensions, else ()."""
    return tuple(size for size in shape if size is not None) if None not in shape else ()
