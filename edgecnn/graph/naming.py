"""[onnx] Names the nodes and tensors of a graph by their position, so that a model always gets the same names."""

from typing import Any

from edgecnn.graph.protos import subgraphs

ROLES = {
    "Conv": ("input", "weight", "bias"),
    "Gemm": ("input", "weight", "bias"),
    "Reshape": ("input", "shape"),
}


def rename(graph: Any, input_name: str, output_name: str) -> None:
    """Give every node and tensor of a GraphProto a short name: conv1, conv1_weight, conv1_bias, relu1, …"""
    names = {graph.input[0].name: input_name, graph.output[0].name: output_name}
    _name_by_position(graph, names, "")


def _name_by_position(graph: Any, names: dict[str, str], prefix: str) -> None:
    """Name what a graph makes. `names` holds the new names of its inputs and outputs, and of what is outside."""
    constants, ends = {tensor.name for tensor in graph.initializer}, set(names.values())
    counts: dict[str, int] = {}
    for node in graph.node:
        kind = node.op_type.lower()
        counts[kind] = counts.get(kind, 0) + 1
        node.name = f"{prefix}{kind}{counts[kind]}"
        for at, name in enumerate(node.output):
            if name:  # an omitted optional result or input has an empty name
                names.setdefault(name, _unlike(ends, f"{node.name}_{at}" if at else node.name))
        for at, name in enumerate(node.input):
            if name in constants:
                names.setdefault(name, _unlike(ends, f"{node.name}_{_role(node, at)}"))
    _name_constants_of_subgraphs(graph, names, constants, prefix)
    _use(graph, names)


def _name_constants_of_subgraphs(graph: Any, names: dict[str, str], constants: set[str], prefix: str) -> None:
    """Name the constants that only a subgraph reads, or the graph returns."""
    for tensor in graph.initializer:
        if tensor.name in constants and tensor.name not in names:
            names[tensor.name] = f"{prefix}constant{len(names)}"


def _use(graph: Any, names: dict[str, str]) -> None:
    """Apply the names, after all of them are chosen, so that no new name meets an old one."""
    for node in graph.node:
        for number, inner in enumerate(subgraphs(node), 1):
            _name_subgraph(inner, dict(names), f"{node.name}_body{number}_")
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.initializer, *graph.input, *graph.output):
        value.name = names.get(value.name, value.name)


def _name_subgraph(graph: Any, names: dict[str, str], prefix: str) -> None:
    """Name what a subgraph makes, by the node it belongs to. What a converter wrote beside it is removed."""
    names |= {value.name: f"{prefix}input{at}" for at, value in enumerate(graph.input, 1)}
    graph.name, graph.doc_string = prefix.rstrip("_"), ""
    del graph.value_info[:]
    _name_by_position(graph, names, prefix)


def _unlike(taken: set[str], name: str) -> str:
    """`name`, changed if it is taken."""
    return f"{name}_" if name in taken else name


def _role(node: Any, at: int) -> str:
    """What a node uses its input number `at` for, such as "weight"."""
    roles = ROLES.get(node.op_type, ())
    return roles[at] if at < len(roles) else f"constant{at}"
