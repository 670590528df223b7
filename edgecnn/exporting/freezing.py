"""[TensorFlow] Freezes a tf.function: makes it one graph with its variables and captured tensors as constants."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from edgecnn.training.backend import tensorflow

PURPOSE = "converting a TensorFlow model"
# Keras compiles what TensorFlow cannot run on this processor, such as grouped convolutions. It is then a function of
# its own, which is not inlined, and so not converted, because of these attributes.
COMPILED = ("_XlaMustCompile", "_XlaHasReferenceVars", "_xla_compile_id")


@dataclass(frozen=True, eq=False)
class Frozen:
    """A GraphDef without variables, and the names of the tensors it takes and returns, such as `image:0`."""

    graph: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def freeze(forward: Callable[..., Any]) -> Frozen:
    """Freeze a tf.function that has an input signature.

    Tensors that it captures, such as the mean of a Normalization, become constants as variables do. They are not among
    its inputs, though TensorFlow lists them there. Raises what TensorFlow raises.
    """
    signature = forward.input_signature  # type: ignore[attr-defined]
    traced = forward.get_concrete_function(*signature)  # type: ignore[attr-defined]
    inputs = tuple(tensor.name for tensor in traced.inputs[: len(signature)])
    outputs = tuple(tensor.name for tensor in traced.outputs)
    graph = _constant_graph(traced)
    if any(name in node.attr for node in _all_nodes(graph) for name in COMPILED):
        graph = _constant_graph(_inlinable(graph, inputs, outputs))
    return Frozen(graph, inputs, outputs)


def _constant_graph(function: Any) -> Any:
    """The GraphDef of a ConcreteFunction whose variables and captured tensors are constants; functions are inlined."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        frozen = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    except ValueError:  # a variable is assigned: the seed of a random layer, the state of a stateful one
        return _without_assignments(function)
    return frozen.graph.as_graph_def(add_shapes=True)


def _without_assignments(function: Any) -> Any:
    """As `_constant_graph`, for a function that assigns variables: one prediction has no use for them."""
    from tf2onnx.tf_loader import convert_variables_to_constants_large_model

    tf = tensorflow(PURPOSE)
    graph = convert_variables_to_constants_large_model(function)
    for nodes in (graph.node, *(item.node_def for item in graph.library.function)):
        _drop_assignments(nodes)
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph, name="")
    return imported.as_graph_def(add_shapes=True)


def _drop_assignments(nodes: Any) -> None:
    """Remove the nodes that assign variables, and the edges that say that others come after them."""
    dropped = {f"^{node.name}" for node in nodes if node.op.startswith("Assign")}
    for at in reversed(range(len(nodes))):
        if f"^{nodes[at].name}" in dropped:
            del nodes[at]
    for node in nodes:
        node.input[:] = [name for name in node.input if name not in dropped]


def _all_nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a GraphDef and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _inlinable(graph: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Any:
    """The graph as a function in which nothing is marked as compiled, so that it can be inlined."""
    tf = tensorflow(PURPOSE)
    for item in (*_all_nodes(graph), *graph.library.function):
        for name in COMPILED:
            item.attr.pop(name, None)
    _rename_functions(graph)
    wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    tensor = wrapped.graph.as_graph_element
    return wrapped.prune([tensor(name) for name in inputs], [tensor(name) for name in outputs])


def _rename_functions(graph: Any) -> None:
    """Give changed functions names of their own: TensorFlow still knows the others by the old ones."""
    names = {item.signature.name: f"{item.signature.name}_inlinable" for item in graph.library.function}
    for function in graph.library.function:
        function.signature.name = names[function.signature.name]
    for node in _all_nodes(graph):
        for value in node.attr.values():
            for called in (value.func, *value.list.func) if value.HasField("func") else value.list.func:
                called.name = names.get(called.name, called.name)
