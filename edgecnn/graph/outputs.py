"""[onnx] Makes a graph return probabilities alone, whatever its scores mean and what else it returns."""

from typing import Any

import numpy as np

from edgecnn.graph.graph import Graph, onnx_module
from edgecnn.runtime.scores import PERCENT, Scores, classes_of

NAME = "probabilities"
SINGLE = "single"  # the probability of the second of two classes


def keep_output(model: Any, name: str) -> None:
    """Make that output of a ModelProto, in place, its only one, and remove what only others need."""
    graph = model.graph
    others = [output for output in graph.output if output.name != name]
    if not others:
        return
    for output in others:
        graph.output.remove(output)
    left = Graph(model)
    left.drop_dead()
    left.write()


def return_probabilities(model: Any, scores: Scores) -> None:
    """Append to a ModelProto, in place, what turns its scores into probabilities; `independent` ones stay as they are.

    The output is named `probabilities` and is [batch, classes]: a single one becomes two classes.
    """
    graph, onnx = model.graph, onnx_module()
    output = graph.output[0]
    make, name = onnx.helper.make_node, _freed(graph, output.name)
    if scores == "logits":
        graph.node.append(make("Softmax", [name], [NAME], axis=-1))
    elif scores == "log-probabilities":
        graph.node.append(make("Exp", [name], [NAME]))
    elif scores == "percent":
        graph.initializer.append(_number(graph, "hundred", PERCENT))
        graph.node.append(make("Div", [name, "hundred"], [NAME]))
    elif scores in ("one", "one logit"):
        _append_both_classes(graph, name, is_logit=scores == "one logit")
    else:
        _rename(graph, name, NAME)
    output.name = NAME
    dims = output.type.tensor_type.shape.dim
    if len(dims) == 2 and dims[1].HasField("dim_value"):
        dims[1].dim_value = classes_of(dims[1].dim_value)


def _append_both_classes(graph: Any, name: str, *, is_logit: bool) -> None:
    make = onnx_module().helper.make_node
    if is_logit:
        graph.node.append(make("Sigmoid", [name], [SINGLE]))
        name = SINGLE
    graph.initializer.append(_number(graph, "one", 1))
    graph.node.append(make("Sub", ["one", name], ["first"]))
    graph.node.append(make("Concat", ["first", name], [NAME], axis=1))


def _number(graph: Any, name: str, value: int) -> Any:
    """A constant of the output's type."""
    onnx = onnx_module()
    dtype = onnx.helper.tensor_dtype_to_np_dtype(graph.output[0].type.tensor_type.elem_type)
    return onnx.numpy_helper.from_array(np.full(1, value, dtype), name)


def _freed(graph: Any, name: str) -> str:
    """A name for the scores that is none of those which are added: theirs, or another one where it is taken."""
    taken = {NAME, SINGLE, "first", "one", "hundred"}
    if name not in taken:
        return name
    _rename(graph, name, f"{name}_of_the_model")
    return f"{name}_of_the_model"


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                if name == old:
                    names[at] = new
