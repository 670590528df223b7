"""ONNX files that ask for much memory: when they are read, and when a small graph is run."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hostile.documents import repeated

Make = Callable[[Path], object]
Nodes = Callable[[Any], Sequence[Any]]
SHAPE = (1, 1, 28, 28)
GRAPH = b"\x3a"  # field 7 of a model: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto


def graph(path: Path, nodes: Nodes, constants: Mapping[str, Any], shape: tuple[int, ...] = SHAPE) -> None:
    """A classifier from `x` to `y`, whose nodes are made by `onnx.helper.make_node`."""
    from onnx import TensorProto, helper, numpy_helper

    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 10))]
    made = helper.make_graph(nodes(helper.make_node), "g", inputs, outputs, stored)
    path.write_bytes(
        helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


def classes(node: Any, given: str) -> list[Any]:
    """Ten scores of whatever is there."""
    return [
        node("ReduceMax", [given], ["most"], keepdims=1, axes=[1, 2, 3]),
        node("Flatten", ["most"], ["flat"]),
        node("Expand", ["flat", "ten"], ["y"]),
    ]


def message(path: Path, tag: bytes, item: bytes, count: int) -> None:
    """One field of a model that holds an item many times."""
    repeated(path, tag + varint(len(item) * count), item, count, b"")


def varint(number: int) -> bytes:
    """A number in 7 bits each byte, lowest first, with the eighth bit set in all but the last."""
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


TEN = {"ten": np.array([1, 10])}


def through(kind: str, *inputs: str, **attributes: Any) -> Nodes:
    """One operator, and the scores of what it returns."""
    return lambda node: [node(kind, inputs, ["big"], **attributes), *classes(node, "big")]


def filled(node: Any) -> list[Any]:
    """A constant of zeros, plus the image."""
    return [node("ConstantOfShape", ["to"], ["zeros"]), node("Add", ["zeros", "x"], ["big"]), *classes(node, "big")]


def multiplied(node: Any) -> list[Any]:
    """Each node makes sixteen times as much."""
    steps = [node("Concat", [f"x{n}" if n else "x"] * 16, [f"x{n + 1}"], axis=1) for n in range(5)]
    return [*steps, *classes(node, "x5")]


RUN: Mapping[str, tuple[str, Make]] = {
    "Tile to 3 GB": (
        "m.onnx",
        partial(graph, nodes=through("Tile", "x", "times"), constants={**TEN, "times": np.array([1, 1, 1_000, 1_000])}),
    ),
    "Expand to 3 GB": (
        "m.onnx",
        partial(graph, nodes=through("Expand", "x", "to"), constants={**TEN, "to": np.array([1, 1_000_000, 28, 28])}),
    ),
    "ConstantOfShape of 3 GB": (
        "m.onnx",
        partial(graph, nodes=filled, constants={**TEN, "to": np.array([1, 1_000_000, 28, 28])}),
    ),
    "Resize to 3 GB": (
        "m.onnx",
        partial(
            graph,
            nodes=through("Resize", "x", "", "scales", mode="nearest"),
            constants={**TEN, "scales": np.array([1, 1, 1_000, 1_000], np.float32)},
        ),
    ),
    "Pad to 6 GB": (
        "m.onnx",
        partial(
            graph, nodes=through("Pad", "x", "pads"), constants={**TEN, "pads": np.array([0, 0, 20_000, 20_000] * 2)}
        ),
    ),
    "Conv padded to 6 GB": (
        "m.onnx",
        partial(
            graph,
            nodes=through("Conv", "x", "kernel", pads=[20_000] * 4),
            constants={**TEN, "kernel": np.ones((1, 1, 3, 3), np.float32)},
        ),
    ),
    "Concat of 16, five times, to 3 GB": ("m.onnx", partial(graph, nodes=multiplied, constants=TEN)),
    "an image of 30,000 × 30,000": (
        "m.onnx",
        partial(graph, nodes=partial(classes, given="x"), constants=TEN, shape=(1, 1, 30_000, 30_000)),
    ),
}
READ: Mapping[str, tuple[str, Make]] = {
    "50,000,000 empty fields": ("m.onnx", partial(repeated, head=b"", item=GRAPH + b"\0", count=50_000_000, end=b"")),
    "a name of 500 MB": ("m.onnx", partial(message, tag=b"\x12", item=b"x" * 50, count=10_000_000)),
    "10,000,000 nodes": ("m.onnx", partial(message, tag=GRAPH, item=b"\x0a\0", count=10_000_000)),
    "500 MB of other bytes": ("m.onnx", partial(repeated, head=b"", item=bytes(50), count=10_000_000, end=b"")),
}
