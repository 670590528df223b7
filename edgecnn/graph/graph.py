"""[onnx] Graph: queries and edits one ONNX graph (constants, producers, consumers, shapes, names)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import MissingDependencyError

Array = NDArray[Any]
BATCH = "batch"
TO_NCHW = [0, 3, 1, 2]
TO_NHWC = [0, 2, 3, 1]
RESHAPES = ("Reshape", "Flatten", "Unsqueeze", "Squeeze")


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


class Graph:
    """Queries one ModelProto and edits it in place."""

    def __init__(self, model: Any) -> None:
        self.onnx = onnx_module()
        self.model = model
        self.proto = model.graph
        self._made = 0

    @property
    def nodes(self) -> list[Any]:
        return list(self.proto.node)

    def constant(self, name: str) -> Array | None:
        """The value of a constant tensor, or None if `name` is computed."""
        for tensor in self.proto.initializer:
            if tensor.name == name:
                array: Array = self.onnx.numpy_helper.to_array(tensor)
                return array
        return None

    def scalar(self, name: str) -> float | None:
        """The value of a constant with one number and at most one dimension, or None.

        A constant with more dimensions could change the shape of what it is combined with.
        """
        value = self.constant(name)
        return float(value.reshape(-1)[0]) if value is not None and value.size == 1 and value.ndim <= 1 else None

    def add_constant(self, value: Array) -> str:
        """Add a constant and return its name, which `rename` later replaces by a readable one."""
        name = self._new_name("constant")
        self.proto.initializer.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _new_name(self, kind: str) -> str:
        """A name that no tensor and no node has yet. An earlier Graph may have added some to the same model."""
        values = [*self.proto.initializer, *self.proto.input, *self.proto.node]
        taken = {value.name for value in values} | {name for node in self.proto.node for name in node.output}
        while True:
            self._made += 1
            if (name := f"edgecnn_{kind}_{self._made}") not in taken:
                return name

    def producer(self, name: str) -> Any | None:
        """The node that computes the tensor `name`, or None for inputs and constants."""
        return next((node for node in self.proto.node if name in node.output), None)

    def consumers(self, name: str) -> list[Any]:
        """The nodes that read the tensor `name`."""
        return [node for node in self.proto.node if name in node.input]

    def is_output(self, name: str) -> bool:
        return any(output.name == name for output in self.proto.output)

    def only_consumer(self, node: Any) -> Any | None:
        """The only node that reads this node's result, or None if there are several or if it is a graph output."""
        users = self.consumers(node.output[0])
        return users[0] if len(users) == 1 and not self.is_output(node.output[0]) else None

    def replace(self, old: Any, op: str, inputs: list[str], **values: Any) -> None:
        """Replace `old` by a node of type `op` whose result has the same name."""
        node = self.onnx.helper.make_node(op, inputs, list(old.output), name=old.name, **values)
        position = next(at for at, item in enumerate(self.proto.node) if item is old or item == old)
        self.proto.node.remove(old)
        self.proto.node.insert(position, node)

    def insert_before(self, node: Any, op: str, inputs: list[str], **values: Any) -> str:
        """Insert a node of type `op` before `node`, and return the name of its result."""
        made = self.onnx.helper.make_node(op, inputs, [self._new_name(op.lower())], **values)
        made.name = made.output[0]
        position = next(at for at, item in enumerate(self.proto.node) if item is node or item == node)
        self.proto.node.insert(position, made)
        return str(made.output[0])

    def bypass(self, node: Any, source: str) -> None:
        """Remove a node whose result equals the tensor `source`. A graph output keeps its name."""
        result = node.output[0]
        self.proto.node.remove(node)
        if self.is_output(result):
            maker = self.producer(source)
            assert maker is not None, "a graph input would become a graph output"
            self._rewire(source, result)
            maker.output[list(maker.output).index(source)] = result
        else:
            self._rewire(result, source)

    def _rewire(self, old: str, new: str) -> None:
        for node in self.proto.node:
            for at, name in enumerate(node.input):
                if name == old:
                    node.input[at] = new

    def shapes(self, batch: int) -> dict[str, tuple[int | None, ...]]:
        """The shape of every tensor for a batch size of `batch`. A dimension that stays unknown is None."""
        copy = type(self.model)()
        copy.CopyFrom(self.model)
        stored = {tensor.name for tensor in copy.graph.initializer}  # old exporters list the weights as inputs too
        for value in [*copy.graph.input, *copy.graph.output]:
            if value.name not in stored and value.type.tensor_type.shape.dim:
                value.type.tensor_type.shape.dim[0].dim_value = batch
        inferred = self.onnx.shape_inference.infer_shapes(copy, data_prop=True).graph
        values = [*inferred.input, *inferred.value_info, *inferred.output]
        shapes: dict[str, tuple[int | None, ...]] = {
            value.name: tuple(dim.dim_value or None for dim in value.type.tensor_type.shape.dim)
            for value in values
            if value.type.tensor_type.HasField("shape")
        }
        return shapes | {tensor.name: tuple(tensor.dims) for tensor in self.proto.initializer}

    def computed(self, name: str, batch: int) -> Array | None:
        """The value of a tensor for a batch size of `batch`; None if it depends on more than constants and shapes."""
        shapes, needed = self.shapes(batch), {name}
        nodes: list[Any] = []
        values = {tensor.name: tensor for tensor in self.proto.initializer}
        for node in reversed(self.nodes):  # ONNX keeps nodes in topological order
            if needed.isdisjoint(node.output):
                continue
            if node.op_type == "Shape":
                shape = shapes.get(node.input[0], (None,))
                if None in shape:
                    return None
                ends = attributes(node)
                value = np.array(shape[ends.get("start", 0) : ends.get("end")], np.int64)
                values[node.output[0]] = self.onnx.numpy_helper.from_array(value, node.output[0])
            else:
                nodes.insert(0, node)
                needed.difference_update(node.output)
                needed.update(filter(None, node.input))
        return self._run(nodes, [values[item] for item in needed], name) if needed <= set(values) else None

    def _run(self, nodes: list[Any], constants: list[Any], name: str) -> Array | None:
        """The value that nodes without inputs compute, or None if onnx's reference evaluator cannot run them."""
        from onnx.reference import ReferenceEvaluator

        helper = self.onnx.helper
        made = helper.make_graph(nodes, "computed", [], [helper.make_empty_tensor_value_info(name)], constants)
        model = helper.make_model(made, opset_imports=self.model.opset_import, ir_version=self.model.ir_version)
        try:
            [value] = ReferenceEvaluator(model).run(None, {})
        except Exception:  # numpy's exceptions of any type; the tensor then stays computed
            return None
        return np.asarray(value)

    def sort(self) -> None:
        """Sort nodes and constants in the order in which the output needs them.

        The order then depends on the graph only. A converter's order can differ from run to run.
        """
        placed: list[Any] = []
        makers = {name: node for node in self.proto.node for name in node.output}
        waiting = [output.name for output in reversed(self.proto.output)]
        seen: set[str] = set()
        while waiting:
            node = makers.get(waiting[-1])
            missing = [name for name in node.input if name in makers and name not in seen] if node else []
            if missing:
                waiting.extend(reversed(missing))
            elif node is not None and waiting[-1] not in seen:
                placed.append(node)
                seen.update(node.output)
            else:
                waiting.pop()
        order = {name: at for at, name in enumerate(dict.fromkeys(name for node in placed for name in node.input))}
        constants = sorted(self.proto.initializer, key=lambda tensor: order.get(tensor.name, len(order)))
        _replace_items(self.proto.node, placed)
        _replace_items(self.proto.initializer, constants)

    def drop_dead(self) -> None:
        """Remove the nodes and constants that no output needs, and the shapes that a converter recorded."""
        needed = {output.name for output in self.proto.output}
        for node in reversed(self.nodes):  # ONNX keeps nodes in topological order
            if needed.intersection(node.output):
                needed.update(node.input)
            else:
                self.proto.node.remove(node)
        for tensor in list(self.proto.initializer):
            if tensor.name not in needed:
                self.proto.initializer.remove(tensor)
        del self.proto.value_info[:]

    def rename(self, input_name: str, output_name: str) -> None:
        """Give every node and tensor a short name by its position: conv1, conv1_weight, conv1_bias, relu1, …"""
        names = {self.proto.input[0].name: input_name, self.proto.output[0].name: output_name}
        ends = (input_name, output_name)
        counts: dict[str, int] = {}
        for node in self.proto.node:
            kind = node.op_type.lower()
            counts[kind] = counts.get(kind, 0) + 1
            node.name = f"{kind}{counts[kind]}"
            for at, name in enumerate(node.output):
                if name:  # an omitted optional result or input has an empty name
                    names.setdefault(name, _unlike(ends, f"{node.name}_{at}" if at else node.name))
            for at, name in enumerate(node.input):
                if self.constant(name) is not None:
                    names.setdefault(name, _unlike(ends, f"{node.name}_{_role(node, at)}"))
        for node in self.proto.node:  # after all names are chosen, so that no new name meets an old one
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
        for value in [*self.proto.initializer, *self.proto.input, *self.proto.output]:
            value.name = names.get(value.name, value.name)


def _replace_items(field: Any, items: list[Any]) -> None:
    """Replace the messages of a protobuf field by copies of `items`."""
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del field[:]
    field.extend(copies)


def _unlike(taken: tuple[str, ...], name: str) -> str:
    """`name`, changed if it is taken."""
    return f"{name}_" if name in taken else name


def _role(node: Any, at: int) -> str:
    """What a node uses its input number `at` for, such as "weight"."""
    roles = {
        "Conv": ("input", "weight", "bias"),
        "Gemm": ("input", "weight", "bias"),
        "Reshape": ("input", "shape"),
    }
    return roles.get(node.op_type, ())[at] if at < len(roles.get(node.op_type, ())) else f"constant{at}"
