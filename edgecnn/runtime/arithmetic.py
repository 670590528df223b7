"""Tells which arithmetic an int8 file needs to run fast, by reading its graph without the onnx package."""

from __future__ import annotations

from collections.abc import Iterator
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edgecnn.files import open_regular
from edgecnn.host.machine import architecture, multiplies_int8_exactly
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.runtime.protobuf import Field, fields

# The numbers of the fields of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto in
# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
GRAPH = 7
NODE, INITIALIZER = 1, 5
OP_TYPE, ATTRIBUTE = 4, 5
TENSOR = 5
DIMS, DATA_TYPE, INT32_DATA, RAW_DATA = 1, 2, 5, 9
INT8 = 3  # TensorProto.DataType
SEVEN_BITS = 64  # the sum of two products with larger weights can exceed 16 bits: 2 × 255 × 64 = 32,640
NAMED_TARGETS = ("x86-64", "arm64")  # other targets suit many processors, or the machine that the file was made on
# Parts of the names of operators that make or read 8-bit activations.
QUANTIZED = ("Quantize", "Integer", "QLinear", "QGemm")


def notes(path: Path, metadata: ModelMetadata) -> tuple[str, ...]:
    """The reasons why an ONNX file is not the best one for this processor, one line each; empty if there are none."""
    target = metadata.quantization.get("target")
    if target in NAMED_TARGETS and target != architecture():
        return (
            f"{path} is made for {target}, so it runs slower than necessary on {architecture()}: "
            "quantize the float32 file on this machine",
        )
    if not multiplies_int8_exactly() and needs_exact_products(path):
        return (
            f"{path} has 8-bit weights, which run slowly (but correctly) on this processor without VNNI: "
            "quantize the float32 file on this machine, or with --target any",
        )
    return ()


def needs_exact_products(path: Path) -> bool:
    """Whether a file multiplies 8-bit activations by int8 weights that do not fit into 7 bits.

    False for a file that cannot be read or is not an ONNX file. Opening the file then raises the error.
    """
    try:
        with open_regular(path) as file:
            model = fields(file, 0, fstat(file.fileno()).st_size)
            graph = [part for field in model if field.number == GRAPH for part in fields(file, field.start, field.end)]
            return _is_quantized(file, graph) and any(_is_wide(file, tensor) for tensor in _tensors(file, graph))
    except (OSError, ValueError):
        return False


def _is_quantized(file: BinaryIO, graph: list[Field]) -> bool:
    return any(
        any(word in operator for word in QUANTIZED) and operator != "DequantizeLinear"
        for node in graph
        if node.number == NODE
        for operator in _texts(file, node, OP_TYPE)
    )


def _texts(file: BinaryIO, message: Field, number: int) -> Iterator[str]:
    for field in fields(file, message.start, message.end):
        if field.number == number:
            yield field.read(file).decode()


def _tensors(file: BinaryIO, graph: list[Field]) -> Iterator[Field]:
    """The constants of a graph: its initializers and the tensors of its Constant nodes."""
    for part in graph:
        if part.number == INITIALIZER:
            yield part
        elif part.number == NODE:
            for attribute in _inner(file, part, ATTRIBUTE):
                yield from _inner(file, attribute, TENSOR)


def _inner(file: BinaryIO, message: Field, number: int) -> Iterator[Field]:
    return (field for field in fields(file, message.start, message.end) if field.number == number)


def _is_wide(file: BinaryIO, tensor: Field) -> bool:
    """Whether a constant holds int8 weights that do not fit into 7 bits. With one dimension it holds zero points."""
    parts = list(fields(file, tensor.start, tensor.end))
    # The dimensions are in one packed field or in one field each.
    rank = sum(part.end - part.start or 1 for part in parts if part.number == DIMS)
    if rank < 2 or not any(part.number == DATA_TYPE and part.value == INT8 for part in parts):
        return False
    values = [_int8(part.number, part.read(file)) for part in parts if part.number in (INT32_DATA, RAW_DATA)]
    return any(int(np.abs(found.astype(int)).max(initial=0)) > SEVEN_BITS for found in values)


def _int8(number: int, content: bytes) -> NDArray[np.int8]:
    """The int8 values of a tensor, from raw bytes or packed varints. A negative varint takes ten bytes."""
    stored = np.frombuffer(content, np.uint8)
    if number == RAW_DATA:
        return stored.view(np.int8)
    last = np.flatnonzero(stored < 0x80)
    first = np.concatenate([[0], last[:-1] + 1]).astype(int) if len(last) else last
    low, high = stored[first] & 0x7F, np.where(last > first, stored[np.minimum(first + 1, len(stored) - 1)], 0)
    values: NDArray[Any] = low | ((high & 1) << 7).astype(np.uint8)
    return values.astype(np.uint8).view(np.int8)
