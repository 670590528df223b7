"""[onnx] Reads parts of ONNX messages: attributes, metadata, and the graphs in a node, such as the body of a Loop."""

from collections.abc import Iterator
from typing import Any

from edgecnn.errors import MissingDependencyError


def onnx_module() -> Any:
    """The onnx package. Raises MissingDependencyError if it is not installed."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError:
        raise MissingDependencyError("onnx", "quantize", "exporting and quantizing") from None
    return onnx


def use_oldest_format(model: Any) -> None:
    """Set the oldest IR version that allows the model's opset, so that an older onnxruntime on a device can open it."""
    model.ir_version = onnx_module().helper.find_min_ir_version_for(model.opset_import)


def metadata(model: Any) -> dict[str, str]:
    """The metadata_props of a ModelProto as a dict."""
    return {item.key: item.value for item in model.metadata_props}


def attributes(node: Any) -> dict[str, Any]:
    """A node's attributes as Python values."""
    return {item.name: onnx_module().helper.get_attribute_value(item) for item in node.attribute}


def subgraphs(node: Any) -> Iterator[Any]:
    """The graphs in a node's attributes: the body of a Loop or Scan, the branches of an If."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def names_read(node: Any) -> list[str]:
    """The tensors that a node reads, without repetition: its inputs, and what its subgraphs use from outside."""
    inner = (name for graph in subgraphs(node) for name in _free_names(graph))
    return list(dict.fromkeys(filter(None, (*node.input, *inner))))


def _free_names(graph: Any) -> list[str]:
    """The tensors that a subgraph uses and does not make itself."""
    made = {value.name for value in (*graph.input, *graph.initializer)}
    made.update(name for node in graph.node for name in node.output)
    used = [name for node in graph.node for name in names_read(node)]
    return [name for name in (*used, *(value.name for value in graph.output)) if name not in made]


def rename_reads(node: Any, names: dict[str, str]) -> None:
    """Let a node, with its subgraphs, read other tensors: `names` gives the new name of each old one."""
    for at, name in enumerate(node.input):
        if name in names:
            node.input[at] = names[name]
    for graph in subgraphs(node):
        for inner in graph.node:
            rename_reads(inner, names)
        for value in graph.output:
            value.name = names.get(value.name, value.name)
