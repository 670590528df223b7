"""[onnx] Applies patterns to the nodes of a graph until none of them changes anything."""

from collections.abc import Callable, Sequence
from typing import Any

from edgecnn.graph.graph import Graph

# More rounds than any graph needs. If they run out, two patterns undo each other.
MOST_ROUNDS = 1000

# Rewrites what begins or ends at a node, if it can, and returns whether it did.
Pattern = Callable[[Graph, Any], bool]


def apply(graph: Graph, patterns: Sequence[Pattern]) -> None:
    """Apply patterns until none changes anything. Each sees all nodes; the first ones go first again after a change.

    A pattern sees the shapes from before its round, which stay true, because a pattern never changes a tensor that
    another one looks at.
    """
    for _ in range(MOST_ROUNDS):
        graph.drop_dead()
        if not any(_changes(graph, pattern) for pattern in patterns):
            return
    raise AssertionError("the patterns do not reach a fixpoint")


def _changes(graph: Graph, pattern: Pattern) -> bool:
    with graph.shapes_kept():
        changed = [pattern(graph, node) for node in graph.nodes if graph.holds(node)]
    return any(changed)
