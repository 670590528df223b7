"""The messages of the Open Inference Protocol v2, with its binary extension.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md and
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol/binary-tensor-data-extension
"""

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType
from numpy.typing import NDArray

from edgecnn.serve.refusal import Refusal
from edgecnn.serve.tensors import Shape, dtype_of, from_bytes, from_json, outline

EXTENSION = "binary_tensor_data"
Check = Callable[[NDArray[Any]], None]
HEADER_LENGTH = "inference-header-content-length"


class InputParameters(Struct):
    binary_data_size: int | UnsetType = UNSET


class OutputParameters(Struct):
    binary_data: bool | UnsetType = UNSET
    classification: int = 0


class RequestParameters(Struct):
    binary_data_output: bool = False


class RequestInput(Struct):
    name: str
    shape: Shape
    datatype: str
    parameters: InputParameters | UnsetType = UNSET
    data: msgspec.Raw | UnsetType = UNSET


class RequestOutput(Struct):
    name: str
    parameters: OutputParameters | UnsetType = UNSET


class InferRequest(Struct):
    inputs: list[RequestInput]
    id: str | UnsetType = UNSET
    parameters: RequestParameters | UnsetType = UNSET
    outputs: list[RequestOutput] | UnsetType = UNSET


class BinarySize(Struct):
    binary_data_size: int


class ResponseOutput(Struct, omit_defaults=True):
    name: str
    datatype: str
    shape: list[int]
    parameters: BinarySize | UnsetType = UNSET
    data: list[float] | UnsetType = UNSET


class InferResponse(Struct):
    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | UnsetType = UNSET


class ServerMetadata(Struct):
    name: str
    version: str
    extensions: list[str]


class TensorMetadata(Struct):
    """-1 stands for a dimension of any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Struct):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Asked(Struct):
    """What an infer request asks for: its images, its id, and whether it wants the answer as bytes."""

    images: NDArray[Any]
    id: str | UnsetType
    binary: bool


DECODER = msgspec.json.Decoder(InferRequest)
ENCODER = msgspec.json.Encoder()
LONGEST_KEPT = 1024  # bytes of JSON before a tensor's own: it is mostly the same, and kept as it was read


def parse(body: bytes, header_length: str | None, input_name: str, output_name: str, check: Check) -> Asked:
    """Read a request for a model with that input and output. Raises Refusal, msgspec.MsgspecError, RecursionError.

    `check` is asked about an array of that shape and type before numbers are read from JSON; what it raises is raised.
    """
    view = memoryview(body)
    size = len(body) if header_length is None else _size(header_length, len(body))
    kept = header_length is not None and size <= LONGEST_KEPT
    request = _kept(body[:size]) if kept else DECODER.decode(view[:size])
    if len(request.inputs) != 1 or request.inputs[0].name != input_name:
        raise Refusal(400, f"the model has one input, {input_name!r}: give it, and no other")
    images = _images(request.inputs[0], view[size:], check)
    return Asked(images, request.id, _wants_bytes(request, output_name))


@lru_cache(maxsize=64)
def _kept(text: bytes) -> InferRequest:
    """A request that nobody changes."""
    return DECODER.decode(text)


def _size(header_length: str, most: int) -> int:
    if not (header_length.isascii() and header_length.isdigit() and int(header_length[:20]) <= most):
        raise Refusal(400, f"{HEADER_LENGTH} is not a number of bytes that the body has")
    return int(header_length)


def _images(tensor: RequestInput, binary: memoryview, check: Check) -> NDArray[Any]:
    dtype = dtype_of(tensor.datatype)
    size = tensor.parameters.binary_data_size if tensor.parameters else UNSET
    if (size is UNSET) == (tensor.data is UNSET):
        raise Refusal(400, "an input has either data or the parameter binary_data_size")
    if len(binary) != (0 if size is UNSET else size):
        raise Refusal(400, f"{len(binary)} bytes follow the JSON, and binary_data_size tells of another number")
    if tensor.data is UNSET:  # the service checks the array, which takes no memory of its own
        given = from_bytes(binary, tensor.shape, dtype)
    else:
        check(outline(tensor.shape, np.dtype(np.float32) if tensor.datatype == "FP16" else dtype))
        given = from_json(bytes(tensor.data), tensor.shape, dtype)
    return given.astype(np.float32) if tensor.datatype == "FP16" else given


def _wants_bytes(request: InferRequest, output_name: str) -> bool:
    binary = request.parameters.binary_data_output if request.parameters else False
    for output in request.outputs or []:
        if output.name != output_name:
            raise Refusal(400, f"the model has one output, {output_name!r}, not {output.name[:50]!r}")
        if output.parameters and output.parameters.classification:
            raise Refusal(400, "the parameter classification is an extension that is not served: use /v1/classify")
        if output.parameters and output.parameters.binary_data is not UNSET:
            binary = output.parameters.binary_data
    return binary


def response(
    asked: Asked, probabilities: NDArray[np.float32], model: str, version: str, output_name: str
) -> tuple[bytes, int | None]:
    """The body of the answer, and the length of its JSON if bytes follow it."""
    if not asked.binary:
        output = ResponseOutput(output_name, "FP32", list(probabilities.shape), data=probabilities.ravel().tolist())
        return ENCODER.encode(InferResponse(model, version, [output], asked.id)), None
    data = probabilities.astype("<f4", copy=False).tobytes()
    own = (model, version, output_name, probabilities.shape)
    head = _kept_head(*own) if asked.id is UNSET else _head(*own, asked.id)  # an id may be long, and is not kept
    return head + data, len(head)


def _head(model: str, version: str, output_name: str, shape: tuple[int, ...], request_id: str | UnsetType) -> bytes:
    """The JSON before an answer as bytes."""
    output = ResponseOutput(output_name, "FP32", list(shape), BinarySize(4 * prod(shape)))
    return ENCODER.encode(InferResponse(model, version, [output], request_id))


@lru_cache(maxsize=64)
def _kept_head(model: str, version: str, output_name: str, shape: tuple[int, ...]) -> bytes:
    return _head(model, version, output_name, shape, UNSET)
