"""Tensors of the Open Inference Protocol v2: JSON or bytes to arrays and back. Nothing here knows of HTTP or models."""

from functools import cache
from math import prod
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edgecnn.serve.refusal import Refusal

# The datatypes that pixels have; binary data is little-endian, as the protocol's binary extension says.
DTYPES: dict[str, np.dtype[Any]] = {"UINT8": np.dtype("u1"), "FP16": np.dtype("<f2"), "FP32": np.dtype("<f4")}
DATATYPES = {"uint8": "UINT8", "float16": "FP16", "float32": "FP32"}
MOST_DIMENSIONS, LARGEST_DIMENSION = 8, 2**31 - 1

Byte = Annotated[int, Meta(ge=0, le=255)]
Shape = Annotated[
    list[Annotated[int, Meta(ge=1, le=LARGEST_DIMENSION)]], Meta(min_length=1, max_length=MOST_DIMENSIONS)
]


def dtype_of(datatype: str) -> np.dtype[Any]:
    """Raises Refusal."""
    if datatype not in DTYPES:
        raise Refusal(400, f"datatype {datatype[:20]!r} is not one that a picture has: use {', '.join(DTYPES)}")
    return DTYPES[datatype]


def outline(shape: list[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array of that shape and type without the memory for it. Raises Refusal if it could not exist."""
    if prod(shape) > LARGEST_DIMENSION:  # of Python's integers, which do not overflow
        raise Refusal(400, f"the shape {shape} has more than {LARGEST_DIMENSION} values")
    return np.broadcast_to(np.zeros((), dtype), shape)


def from_bytes(data: memoryview, shape: list[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The array that the bytes hold. Raises Refusal if there are more or fewer than the shape says."""
    wanted = prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise Refusal(400, f"the shape {shape} has {wanted} bytes, and the tensor {len(data)}")
    flat = np.frombuffer(data, dtype)
    return (flat if flat.flags.aligned else flat.copy()).reshape(shape)


def from_json(raw: bytes, shape: list[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The array that a JSON array holds, flat or nested as its shape is. Raises Refusal."""
    depth = _depth(raw)
    if depth not in (1, len(shape)):
        raise Refusal(400, f"the data of a tensor of shape {shape} is a flat array, or nested {len(shape)} deep")
    require_few_lists(raw, shape[-1])
    values = numbers(raw, depth, dtype)
    if values.size != prod(shape) or (depth > 1 and list(values.shape) != shape):
        raise Refusal(400, f"the shape {shape} has {prod(shape)} values, and the tensor {values.size}")
    return values.reshape(shape)


def require_few_lists(raw: bytes, row: int) -> None:
    """Raise Refusal for more lists than rows of that many pixels need: a list takes 30 times its brackets."""
    if raw.count(b"[") > MOST_DIMENSIONS + len(raw) // row:
        raise Refusal(400, "the array has more lists than its pictures have rows")


def numbers(raw: bytes, depth: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of a JSON array that is nested `depth` deep. Raises Refusal."""
    nested = msgspec.json.decode(raw, type=_nested(Byte if dtype == np.uint8 else float, depth))
    try:
        with np.errstate(over="ignore"):  # an infinite number is refused with the others that are not pixels
            return np.asarray(nested, dtype)
    except ValueError:
        raise Refusal(400, "the rows of a nested array differ in length") from None


@cache
def _nested(kind: Any, depth: int) -> Any:
    for _ in range(depth):
        kind = list[kind]
    return kind


def _depth(raw: bytes) -> int:
    """How many brackets the array begins with."""
    start = raw[:256].translate(None, b" \t\r\n")
    return len(start) - len(start.lstrip(b"["))


def depth_of(raw: bytes) -> int:
    """How deep a JSON array is nested, 1 to MOST_DIMENSIONS. Raises Refusal."""
    depth = _depth(raw)
    if not 1 <= depth <= MOST_DIMENSIONS:
        raise Refusal(400, f"expected a JSON array of pixels, nested 1 to {MOST_DIMENSIONS} deep")
    return depth
