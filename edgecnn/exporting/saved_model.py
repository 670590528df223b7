"""Inspects a SavedModel as data, without TensorFlow, before anything loads it.

Loading one runs no function of its graph as long as it has no tables and no savers of its own: TensorFlow's loader
itself reads the variables' file. So three things are asked of the folder: it holds plain files only, its objects are
variables, constants and functions, and every operator of every function is one that computes, or that TensorFlow's
own saver and training leave there. `require_pure` then asks more of the functions that a prediction really calls.
"""

import stat
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any

from edgecnn.errors import ModelError
from edgecnn.exporting.operators import PURE, STORED
from edgecnn.files import read_bytes
from edgecnn.runtime.protobuf import Field, fields

GRAPH_FILE = "saved_model.pb"
MOST_BYTES = 2**29  # of the graph's file; NASNetMobile, with 1,100 layers, has 9 MB
MOST_FILES = 1000  # in the folder
MOST_GRAPHS = 100  # in the file; Keras and TensorFlow write one
LONGEST_NAME = 100  # bytes of an operator's name that are read
# Fields of TensorFlow's messages: tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph}.proto
META_GRAPHS, GRAPH, ASSETS, OBJECTS = 2, 2, 6, 7
NODE, LIBRARY, FUNCTION, FUNCTION_NODE, OPERATOR = 1, 2, 1, 3, 2
OBJECT, ASSET, RESOURCE, SAVEABLE, REGISTERED_NAME, REGISTERED_SAVER = 1, 5, 10, 11, 13, 16
LOADED_BY_CODE = {
    ASSET: "a file beside the graph",
    RESOURCE: "a table or another resource",
    SAVEABLE: "a saver of its own",
    REGISTERED_SAVER: "a saver of its own",
}
CONSTANT = b"tf.TrackableConstant"
CURE = "export the layers of the network alone, with model.export('folder') of Keras"


def inspect(folder: Path) -> None:
    """Raise ModelError if a SavedModel holds anything but a network that computes. Executes nothing of it."""
    _inspect_files(folder)
    path = folder / GRAPH_FILE
    try:
        content = read_bytes(path, MOST_BYTES)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}): save the model again") from None
    try:
        _inspect_graph(folder, content)
    except ValueError as error:
        raise ModelError(f"{path} is damaged ({error}): save the model again") from None


def require_pure(folder: Path, graph: Any) -> None:
    """Raise ModelError if a prediction does more than compute. `graph` is the GraphDef of the function to call."""
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    nodes, seen = list(graph.node), set[str]()
    while nodes:
        node = nodes.pop()
        if node.op.startswith("Assign"):
            raise ModelError(
                f"{folder} changes a variable in each prediction ({node.op}), as in training: export it with "
                "training=False, and without layers that augment images"
            )
        if node.op not in PURE:
            raise _impure(folder, node.op)
        for name in set(_called(node)) & functions.keys() - seen:
            seen.add(name)
            nodes.extend(functions[name])


def _called(node: Any) -> Iterator[str]:
    """The functions that a node's attributes name."""
    for attribute in node.attr.values():
        for function in (attribute.func, *attribute.list.func):
            if function.name:
                yield function.name


def _inspect_files(folder: Path) -> None:
    root = folder.resolve()
    for number, path in enumerate(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) and not path.resolve().is_relative_to(root):
            raise ModelError(f"{path} is a link that leads out of the SavedModel: copy the folder with 'cp -rL'")
        if not (stat.S_ISLNK(mode) or stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ModelError(f"{path} is a device or a pipe: a SavedModel holds files only")
        if number >= MOST_FILES:
            raise ModelError(f"{folder} holds more than {MOST_FILES:,} files: give the folder of one SavedModel")
    if (folder / "assets").is_dir() and any((folder / "assets").iterdir()):
        raise _foreign(folder, LOADED_BY_CODE[ASSET])


def _inspect_graph(folder: Path, content: bytes) -> None:
    file = BytesIO(content)
    metas = _few(_within(file, [Field(0, 0, 0, len(content))], META_GRAPHS))
    if not metas:
        raise ValueError("it holds no graph")
    if any(_within(file, metas, ASSETS)):
        raise _foreign(folder, LOADED_BY_CODE[ASSET])
    if not any(_within(file, metas, OBJECTS)):
        raise ModelError(
            f"{folder} was saved by TensorFlow 1, in a form that runs code to load: load it in TensorFlow 2 and save "
            "it with tf.saved_model.save"
        )
    _inspect_objects(folder, file, _within(file, _within(file, metas, OBJECTS), OBJECT))
    _inspect_operators(folder, file, _few(_within(file, metas, GRAPH)))


def _inspect_objects(folder: Path, file: BytesIO, objects: Iterable[Field]) -> None:
    for item in objects:
        for field in fields(file, item.start, item.end):
            if field.number in LOADED_BY_CODE:
                raise _foreign(folder, LOADED_BY_CODE[field.number])
            if field.number == REGISTERED_NAME and field.read(file) not in (b"", CONSTANT):
                raise _foreign(folder, f"an object of the class {field.read(file)[:100].decode(errors='replace')}")


def _inspect_operators(folder: Path, file: BytesIO, graphs: list[Field]) -> None:
    functions = _within(file, _within(file, graphs, LIBRARY), FUNCTION)
    nodes = chain(_within(file, graphs, NODE), _within(file, functions, FUNCTION_NODE))
    for field in _within(file, nodes, OPERATOR):
        name = field.read(file)[:LONGEST_NAME].decode(errors="replace")
        if name not in STORED:
            raise _impure(folder, name)


def _few(messages: Iterator[Field]) -> list[Field]:
    """All of the messages, of which there are few. Raises ValueError."""
    found = list(islice(messages, MOST_GRAPHS + 1))
    if len(found) > MOST_GRAPHS:
        raise ValueError(f"it holds more than {MOST_GRAPHS} graphs")
    return found


def _within(file: BytesIO, messages: Iterable[Field], number: int) -> Iterator[Field]:
    """Every field of that number in the messages."""
    for message in messages:
        for field in fields(file, message.start, message.end):
            if field.number == number:
                yield field


def _impure(folder: Path, operator: str) -> ModelError:
    return ModelError(
        f"{folder} holds the operator {operator}, which does more than compute on tensors, so it is not run: {CURE}"
    )


def _foreign(folder: Path, what: str) -> ModelError:
    return ModelError(f"{folder} needs {what} to be loaded, and a network needs none: {CURE}")
