"""Reads from a model's first operators how it wants its pixels: a model that scales them itself takes 0 to 255.

It reads only what it needs of the file, and needs neither the onnx package nor a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecnn.files import open_regular
from edgecnn.preprocessing import NAMED, Preprocessing
from edgecnn.runtime.protobuf import Field, fields

# The numbers of the fields of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto in
# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, and of TensorProto.DataType.
GRAPH = 7
NODE, INITIALIZER = 1, 5
INPUT, OUTPUT, OP_TYPE, ATTRIBUTE = 1, 2, 4, 5
TENSOR = 5
DATA_TYPE, FLOAT_DATA, NAME, RAW_DATA = 2, 4, 8, 9
DTYPES = {1: "<f4", 10: "<f2", 11: "<f8"}

FIRST = 64  # nodes to look at
LARGEST = 64  # bytes of a constant for one channel or three
PASSING = frozenset({"Cast", "Identity", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"})
SCALING = frozenset({"Mul", "Div", "Add", "Sub"})
# Numbers that networks are trained with: not all beyond this, and not all within that.
GREATEST, LEAST = 8.0, 0.2
TRIED = ("0..255", "0..1")

Floats = NDArray[np.float64]


class _Node(NamedTuple):
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def wanted_pixels(path: Path, input_name: str) -> Preprocessing | None:
    """How a model that scales its input itself wants its pixels; None if it does not, or if the file cannot be read."""
    try:
        with open_regular(path) as file:
            graph = list(_inside(file, Field(GRAPH, 0, 0, fstat(file.fileno()).st_size), GRAPH))
            parts = [part for field in graph for part in fields(file, field.start, field.end)]
            return _wanted(file, parts, input_name)
    except (OSError, ValueError):
        return None


def _wanted(file: BinaryIO, parts: list[Field], tensor: str) -> Preprocessing | None:
    """Follow the input through the operators that move or scale it."""
    nodes = [_node(file, part) for part in islice((part for part in parts if part.number == NODE), FIRST)]
    scale, offset, found = np.ones(1), np.zeros(1), False
    for _ in nodes:  # a damaged graph may run in a circle
        readers = [node for node in nodes if tensor in node.inputs]
        if len(readers) != 1 or not readers[0].outputs:
            break
        (node,) = readers
        if node.operator in SCALING and len(node.inputs) == 2:
            value = _constant(file, parts, node.inputs[1 - node.inputs.index(tensor)])
            if value is None or (node.operator == "Div" and node.inputs[1] == tensor):
                break
            scale, offset = _applied(node, tensor, value, scale, offset)
            found = True
        elif node.operator not in PASSING:
            break
        tensor = node.outputs[0]
    return _plausible(scale, offset) if found else None


def _applied(node: _Node, tensor: str, value: Floats, scale: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """The scale and the offset after an operator with a constant."""
    match node.operator:
        case "Mul":
            return scale * value, offset * value
        case "Div":
            return scale / value, offset / value
        case "Add":
            return scale, offset + value
        case _:
            return (scale, offset - value) if node.inputs[0] == tensor else (-scale, value - offset)


def _plausible(scale: Floats, offset: Floats) -> Preprocessing | None:
    """The first of TRIED whose pixels become numbers that networks are trained with."""
    for name in TRIED:
        low, high = NAMED[name].range
        ends = np.stack(np.broadcast_arrays(scale * low + offset, scale * high + offset))
        if np.isfinite(ends).all() and LEAST < np.abs(ends).max() < GREATEST and np.ptp(ends, axis=0).max() > LEAST:
            return NAMED[name]
    return None


def _node(file: BinaryIO, part: Field) -> _Node:
    texts: dict[int, list[str]] = {INPUT: [], OUTPUT: [], OP_TYPE: []}
    for field in fields(file, part.start, part.end):
        if field.number in texts:
            texts[field.number].append(field.read(file).decode())
    return _Node("".join(texts[OP_TYPE]), tuple(texts[INPUT]), tuple(texts[OUTPUT]))


def _constant(file: BinaryIO, parts: list[Field], name: str) -> Floats | None:
    """The value of a small float constant, an initializer or a Constant node; None if there is no such one."""
    for part in parts:
        if part.number == INITIALIZER and _text(file, part, NAME) == name:
            return _values(file, part)
        if part.number == NODE and _text(file, part, OUTPUT) == name and _text(file, part, OP_TYPE) == "Constant":
            tensors = [inner for each in _inside(file, part, ATTRIBUTE) for inner in _inside(file, each, TENSOR)]
            return _values(file, tensors[0]) if tensors else None
    return None


def _values(file: BinaryIO, tensor: Field) -> Floats | None:
    found = {field.number: field for field in fields(file, tensor.start, tensor.end)}
    kind = DTYPES.get(found[DATA_TYPE].value if DATA_TYPE in found else 0)
    stored: Any = found.get(RAW_DATA) or found.get(FLOAT_DATA)
    if kind is None or stored is None or stored.end - stored.start > LARGEST:
        return None
    values = np.frombuffer(stored.read(file), kind if stored.number == RAW_DATA else "<f4").astype(np.float64)
    return values if len(values) in (1, 3) and np.isfinite(values).all() and values.all() else None


def _text(file: BinaryIO, message: Field, number: int) -> str:
    """The first text with that number in a message."""
    return next((field.read(file).decode() for field in _inside(file, message, number)), "")


def _inside(file: BinaryIO, message: Field, number: int) -> Iterator[Field]:
    return (field for field in fields(file, message.start, message.end) if field.number == number)
