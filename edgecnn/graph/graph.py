"""[onnx] Graph: queries and edits one ONNX graph by an index of nodes, constants and shapes, which edits keep true."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.graph.order import replace_nodes, sorted_nodes
from edgecnn.graph.protos import attributes, metadata, names_read, onnx_module, rename_reads, use_oldest_format
from edgecnn.graph.shapes import Shape, compute, infer

__all__ = ["Graph", "attributes", "metadata", "onnx_module", "use_oldest_format"]

Array = NDArray[Any]
BATCH = "batch"
TO_NCHW = [0, 3, 1, 2]
TO_NHWC = [0, 2, 3, 1]
RESHAPES = ("Reshape", "Flatten", "Unsqueeze", "Squeeze")
MOST_KEPT = 2**16  # values: constants up to this size are decoded once only


class Graph:
    """Queries one ModelProto. Edits it too; the ModelProto has the edits after `write`.

    What a subgraph, such as the body of a Loop, reads from outside counts as read by the node it belongs to.
    """

    def __init__(self, model: Any) -> None:
        self.onnx = onnx_module()
        self.model = model
        self.proto = model.graph
        self._made = 0
        self._constants = {tensor.name: tensor for tensor in self.proto.initializer}
        self._outputs = {output.name for output in self.proto.output}
        self._nodes: dict[int, Any] = {}  # by their place
        self._places: dict[int, int] = {}  # by the node's id
        self._makers: dict[str, Any] = {}
        self._readers: dict[str, dict[int, Any]] = {}  # by the tensor's name, then by the node's id
        self._sorted: list[Any] | None = None
        self._shapes: dict[int, dict[str, Shape]] = {}  # by the batch size
        self._types: dict[str, int] = {}
        self._stale, self._kept = False, False
        self._values: dict[str, Array] = {}
        for place, node in enumerate(self.proto.node):
            self._add(node, place)
        self._next_place = len(self.proto.node)
        self._sorted = list(self._nodes.values())

    def _add(self, node: Any, place: int) -> None:
        self._nodes[place], self._places[id(node)] = node, place
        for name in filter(None, node.output):
            self._makers.setdefault(name, node)
        self._index_reads(node)
        self._sorted = None

    def _index_reads(self, node: Any) -> None:
        for name in names_read(node):
            self._readers.setdefault(name, {})[id(node)] = node

    def _forget_reads(self, node: Any) -> None:
        for name in names_read(node):
            self._readers[name].pop(id(node), None)

    @property
    def opset(self) -> int:
        """The version of ONNX's operators that the model uses, or 0."""
        return next((int(item.version) for item in self.model.opset_import if item.domain in ("", "ai.onnx")), 0)

    @property
    def nodes(self) -> list[Any]:
        """All nodes, each after those whose results it reads."""
        if self._sorted is None:
            self._sorted = sorted_nodes(self._nodes.values(), self._makers)
        return list(self._sorted)

    def holds(self, node: Any) -> bool:
        """Whether a node is still in the graph."""
        return id(node) in self._places

    def constant(self, name: str) -> Array | None:
        """The value of a constant tensor, or None if `name` is computed. It must not be changed in place."""
        if name in self._values or name not in self._constants:
            return self._values.get(name)
        array: Array = self.onnx.numpy_helper.to_array(self._constants[name])
        if array.size <= MOST_KEPT:
            self._values[name] = array
        return array

    def dims(self, name: str) -> tuple[int, ...] | None:
        """The shape of a constant tensor, or None if `name` is computed."""
        return tuple(self._constants[name].dims) if name in self._constants else None

    def scalar(self, name: str) -> float | None:
        """The value of a constant with one number and at most one dimension, or None.

        A constant with more dimensions could change the shape of what it is combined with.
        """
        value = self.constant(name) if self.dims(name) in ((), (1,)) else None
        return float(value.reshape(-1)[0]) if value is not None else None

    def add_constant(self, value: Array) -> str:
        """Add a constant and return its name, which `rename` later replaces by a readable one."""
        name = self._new_name("constant")
        array = np.ascontiguousarray(value).reshape(value.shape)  # ascontiguousarray gives a scalar a dimension
        self._constants[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def _new_name(self, kind: str) -> str:
        """A name that no tensor has yet. An earlier Graph may have added some to the same model."""
        inputs = {value.name for value in self.proto.input}
        while True:
            self._made += 1
            name = f"edgecnn_{kind}_{self._made}"
            if not (name in self._constants or name in self._makers or name in inputs):
                return name

    def producer(self, name: str) -> Any | None:
        """The node that computes the tensor `name`, or None for inputs and constants."""
        return self._makers.get(name)

    def consumers(self, name: str) -> list[Any]:
        """The nodes that read the tensor `name`, themselves or in a subgraph."""
        return list(self._readers.get(name, {}).values())

    def is_output(self, name: str) -> bool:
        return name in self._outputs

    def only_consumer(self, node: Any) -> Any | None:
        """The only node that reads this node's result, or None if there are several or if it is a graph output."""
        users = self._readers.get(node.output[0], {})
        return next(iter(users.values())) if len(users) == 1 and not self.is_output(node.output[0]) else None

    def set_input(self, node: Any, at: int, name: str) -> None:
        """Let a node read the tensor `name` as its input number `at`, which may be one more than it had."""
        self._forget_reads(node)
        node.input[at:] = [name, *node.input[at + 1 :]]
        self._index_reads(node)
        self._sorted = None

    def replace(self, old: Any, op: str, inputs: Iterable[str], **values: Any) -> None:
        """Replace `old` by a node of type `op` whose result has the same name."""
        node = self.onnx.helper.make_node(op, list(inputs), list(old.output), name=old.name, **values)
        place = self._places[id(old)]
        self.remove(old)
        self._add(node, place)
        self._stale = True

    def add(self, op: str, inputs: Iterable[str], **values: Any) -> str:
        """Add a node of type `op`, and return the name of its result. Its place is before the nodes that read it."""
        made = self.onnx.helper.make_node(op, list(inputs), [self._new_name(op.lower())], **values)
        made.name = made.output[0]
        self._add(made, self._next_place)
        self._next_place += 1
        self._stale = True
        return str(made.output[0])

    def remove(self, node: Any) -> None:
        """Remove a node. Nothing may need its results any more, unless another node makes them next."""
        del self._nodes[self._places.pop(id(node))]
        for name in node.output:
            self._makers.pop(name, None)
        self._forget_reads(node)
        self._sorted = None

    def bypass(self, node: Any, source: str) -> None:
        """Remove a node whose result equals the tensor `source`. A graph output keeps its name."""
        result = node.output[0]
        self.remove(node)
        if self.is_output(result):
            maker = self.producer(source)
            assert maker is not None, "a graph input would become a graph output"
            self._rewire(source, result)
            del self._makers[source]
            maker.output[list(maker.output).index(source)] = result
            self._makers[result] = maker
        else:
            self._rewire(result, source)

    def _rewire(self, old: str, new: str) -> None:
        for node in self._readers.pop(old, {}).values():
            rename_reads(node, {old: new})
            self._index_reads(node)
        self._sorted = None

    def shapes(self, batch: int) -> dict[str, Shape]:
        """The shape of every tensor for a batch size of `batch`. A dimension that stays unknown is None."""
        if self._stale and not self._kept:
            self._shapes.clear()
            self._stale = False
        if batch not in self._shapes:
            self._shapes[batch], self._types = infer(self.model, self.nodes, self._constants, batch)
        return self._shapes[batch]

    @contextmanager
    def shapes_kept(self) -> Iterator[None]:
        """In the block, `shapes` does not follow edits, because to infer them again after each would take long.

        It lacks the tensors that are added in the block.
        """
        self.shapes(2)
        self._kept = True
        yield
        self._kept = False

    def computed(self, name: str, batch: int) -> Array | None:
        """The value of a tensor for a batch size of `batch`; None if it depends on more than constants and shapes."""
        return compute(name, self.model, self._makers, self._constants, self.shapes(batch))

    def computed_always(self, name: str) -> Array | None:
        """The value of a tensor that is the same for every batch size; None if it is not, or depends on more."""
        two, three = (self.computed(name, batch) for batch in (2, 3))
        return two if two is not None and three is not None and np.array_equal(two, three) else None

    def type_of(self, name: str) -> int:
        """The element type of a tensor, as TensorProto.DataType numbers it; 0 if it is not known."""
        self.shapes(2)
        return self._types.get(name, 0)

    def drop_dead(self) -> None:
        """Remove the nodes and constants that no output needs, and the shapes that a converter recorded."""
        ends = (self._makers[name] for name in self._outputs if name in self._makers)
        needed = {id(node) for node in sorted_nodes(ends, self._makers)}
        for node in self.nodes:
            if id(node) not in needed:
                self.remove(node)
        self._constants = {
            name: tensor for name, tensor in self._constants.items() if self._readers.get(name) or self.is_output(name)
        }
        del self.proto.value_info[:]

    def write(self) -> None:
        """Store the edits in the ModelProto."""
        replace_nodes(self.proto, self.nodes)
        stored = [tensor.name for tensor in self.proto.initializer]
        for at in reversed(range(len(stored))):
            if stored[at] not in self._constants:
                del self.proto.initializer[at]
        old = set(stored)
        self.proto.initializer.extend(tensor for name, tensor in self._constants.items() if name not in old)
