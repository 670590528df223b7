"""[onnx] Removes Reshapes that change nothing, and joins those that follow one another."""

from typing import Any

from edgecnn.graph.graph import RESHAPES, Graph, attributes


def drop_same_shape(graph: Graph, node: Any) -> bool:
    """Remove a Reshape, Squeeze, Unsqueeze, Flatten or Expand whose result has the shape of its input."""
    if node.op_type not in (*RESHAPES, "Expand") or graph.is_output(node.output[0]):
        return False
    if not _are_same(graph, node.input[0], node.output[0]):
        return False
    graph.bypass(node, node.input[0])
    return True


def join_reshapes(graph: Graph, node: Any) -> bool:
    """Let a Reshape or Flatten read what another Reshape, Squeeze, Unsqueeze or Flatten read before it."""
    maker = graph.producer(node.input[0]) if node.op_type in ("Reshape", "Flatten") else None
    if maker is None or maker.op_type not in RESHAPES or graph.only_consumer(maker) is not node:
        return False
    if not (_takes_any(graph, node) or _keeps_batch(graph, maker)):
        return False
    graph.set_input(node, 0, maker.input[0])
    return True


def _takes_any(graph: Graph, node: Any) -> bool:
    """Whether a Reshape has a target that does not depend on the shape of its input."""
    target = graph.constant(node.input[1]) if node.op_type == "Reshape" else None
    return target is not None and bool((target != 0).all())


def _keeps_batch(graph: Graph, maker: Any) -> bool:
    """Whether the batch dimension stays first, so that a Flatten that follows sees the same rows."""
    shapes = [(graph.shapes(batch).get(name), batch) for batch in (2, 3) for name in (maker.input[0], maker.output[0])]
    following = graph.only_consumer(maker)
    flattens = following is not None and following.op_type == "Flatten" and attributes(following).get("axis", 1) == 1
    return flattens and all(shape and shape[0] == batch for shape, batch in shapes)


def _are_same(graph: Graph, first: str, second: str) -> bool:
    """Whether two tensors have the same known shape for every batch size."""
    for batch in (2, 3):
        one, other = (graph.shapes(batch).get(name) for name in (first, second))
        if one is None or None in one or one != other:
            return False
    return True
