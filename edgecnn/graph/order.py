"""[onnx] Sorts nodes so that each comes after those whose results it reads."""

from collections.abc import Iterable, Mapping
from typing import Any

from edgecnn.graph.protos import names_read, subgraphs


def sorted_nodes(nodes: Iterable[Any], makers: Mapping[str, Any]) -> list[Any]:
    """The nodes, each after those it needs, otherwise in the given order. `makers` are the nodes by their results.

    A node that `nodes` lacks but that one of them needs is included.
    """
    placed: list[Any] = []
    entered: set[int] = set()
    for node in nodes:
        waiting = [(node, False)]
        while waiting:
            current, complete = waiting.pop()
            if complete:
                placed.append(current)
            elif id(current) not in entered:
                entered.add(id(current))
                needed = [makers[name] for name in names_read(current) if name in makers]
                waiting.append((current, True))
                waiting.extend((maker, False) for maker in reversed(needed) if id(maker) not in entered)
    return placed


def sort(graph: Any) -> None:
    """Sort a GraphProto's nodes and constants in the order in which its outputs need them, and drop unneeded nodes.

    The order then depends on the graph only. A converter's order can differ from run to run.
    """
    makers = {name: node for node in graph.node for name in node.output if name}
    ends = {id(makers[value.name]): makers[value.name] for value in graph.output if value.name in makers}
    replace_nodes(graph, sorted_nodes(ends.values(), makers))
    for node in graph.node:
        for inner in subgraphs(node):
            sort(inner)
    read = dict.fromkeys(name for node in graph.node for name in names_read(node))
    order = {name: at for at, name in enumerate(read)}
    graph.initializer.sort(key=lambda tensor: order.get(tensor.name, len(order)))


def replace_nodes(graph: Any, nodes: Iterable[Any]) -> None:
    """Let a GraphProto hold copies of `nodes` instead of its own."""
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
