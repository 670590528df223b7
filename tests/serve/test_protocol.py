"""The Open Inference Protocol's messages: arrays there and back, and whatever lies about its size or type."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgecnn.serve.protocol import Asked, parse, response
from edgecnn.serve.refusal import Refusal


def accept(_: Any) -> None:
    """Any shape and type."""


def message(
    image: np.ndarray[Any, Any], *, binary: bool, nested: bool = False, **more: Any
) -> tuple[bytes, str | None]:
    datatype = {"u1": "UINT8", "f4": "FP32", "f2": "FP16"}[image.dtype.str[1:]]
    tensor: dict[str, Any] = {"name": "image", "shape": list(image.shape), "datatype": datatype}
    if not binary:
        tensor["data"] = (image if nested else image.ravel()).tolist()
        return json.dumps({"inputs": [tensor], **more}).encode(), None
    tensor["parameters"] = {"binary_data_size": image.nbytes}
    head = json.dumps({"inputs": [tensor], **more}).encode()
    return head + image.tobytes(), str(len(head))


def read(body: bytes, length: str | None = None) -> Asked:
    return parse(body, length, "image", "probabilities", accept)


shapes = arrays.array_shapes(min_dims=1, max_dims=4, max_side=4)
finite = {"allow_nan": False, "allow_infinity": False}


@given(
    st.one_of(
        arrays.arrays(np.uint8, shapes),
        arrays.arrays(np.float32, shapes, elements=st.floats(width=32, **finite)),
        arrays.arrays(np.float16, shapes, elements=st.floats(width=16, **finite)),
    ),
    st.sampled_from(["binary", "flat", "nested"]),
)
@settings(max_examples=60, deadline=None)
def test_an_image_arrives_as_it_was_sent(image: np.ndarray[Any, Any], way: str) -> None:
    asked = read(*message(image, binary=way == "binary", nested=way == "nested"))
    wanted = image.astype(np.float32) if image.dtype == np.float16 else image
    assert asked.images.dtype == wanted.dtype
    np.testing.assert_array_equal(asked.images, wanted)


@given(arrays.arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)), st.booleans())
@settings(max_examples=40, deadline=None)
def test_probabilities_leave_bit_for_bit(found: np.ndarray[Any, np.dtype[np.float32]], binary: bool) -> None:
    body, length = response(Asked(found, "42", binary), found, "edge", "1", "probabilities")
    answer = json.loads(body[:length])
    (output,) = answer["outputs"]
    values = np.frombuffer(body[length:], "<f4") if binary else np.asarray(output["data"], np.float32)
    np.testing.assert_array_equal(values.reshape(output["shape"]).view(np.uint32), found.view(np.uint32))
    assert (answer["id"], answer["model_name"], "parameters" in output) == ("42", "edge", binary)


IMAGE = np.zeros((1, 2, 2), np.uint8)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"shape": [1, 2, 3]}, "6 values"),
        ({"shape": [2**31 - 1] * 4}, "more than"),
        ({"shape": [2**63, 2]}, "2147483647"),
        ({"shape": [0, 2, 2]}, ">= 1"),
        ({"shape": [-1, 2, 2]}, ">= 1"),
        ({"shape": []}, "length >= 1"),
        ({"shape": [1] * 9}, "length <= 8"),
        ({"shape": "1,2,2"}, "array"),
        ({"datatype": "BYTES"}, "UINT8, FP16, FP32"),
        ({"datatype": "x" * 10_000}, "UINT8, FP16, FP32"),
        ({"name": "other"}, "'image'"),
        ({"data": [0, 1, 2, 256]}, "<= 255"),
        ({"data": [0, 1, 2, -1]}, ">= 0"),
        ({"data": [0, 1, 2, 0.5]}, "int"),
        ({"data": [0, 1, 2, True]}, "int"),
        ({"data": [0, 1, 2, "3"]}, "int"),
        ({"data": [[0, 1], [2, 3]]}, "nested 3 deep"),
        ({"data": [[[0, 1], [2]]]}, "differ in length"),
        ({"shape": [1, 2, 28], "data": [[[]]] * 50}, "more lists"),
        ({"data": 7}, "nested"),
        ({"data": "AAAA"}, "nested"),
        ({"data": None}, "nested"),
        ({"parameters": {"binary_data_size": 4}}, "either"),
    ],
)
def test_an_input_that_is_not_what_it_says_is_refused(changed: dict[str, Any], words: str) -> None:
    tensor = {"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [0, 1, 2, 3]} | changed
    with pytest.raises((Refusal, msgspec.MsgspecError), match=words):
        read(json.dumps({"inputs": [tensor]}).encode())


@pytest.mark.parametrize("length", ["", "-1", "1e3", "99999999999999999999999", "٣", "0x10", "abc"])
def test_a_length_that_is_not_one_is_refused(length: str) -> None:
    with pytest.raises(Refusal, match="is not a number of bytes"):
        read(message(IMAGE, binary=True)[0], length)


@pytest.mark.parametrize("size", [3, 5, 0, -4, 2**62, 2**80, 4.5, "4"])
def test_bytes_of_another_number_than_announced_are_refused(size: Any) -> None:
    tensor = {"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    with pytest.raises((Refusal, msgspec.MsgspecError)):
        read(head + bytes(4), str(len(head)))


def test_bytes_that_the_shape_does_not_have_are_refused() -> None:
    tensor = {"name": "image", "shape": [1, 2, 2], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    head = json.dumps({"inputs": [tensor]}).encode()
    with pytest.raises(Refusal, match="16 bytes"):
        read(head + bytes(4), str(len(head)))


@pytest.mark.parametrize("text", ['{"inputs": [NaN]}', "", "[]", "null", '{"inputs": 1}', "\udcff{", '{"inputs": []}'])
def test_what_is_not_a_request_is_refused(text: str) -> None:
    with pytest.raises((Refusal, msgspec.MsgspecError)):
        read(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("place", ['{"inputs": %s}', '{"id": "1", "other": %s}', '{"inputs": [{"data": %s}]}'])
def test_json_that_is_nested_without_end_ends(place: str) -> None:
    with pytest.raises((RecursionError, msgspec.MsgspecError)):
        read((place % ("[" * 100_000 + "]" * 100_000)).encode())


def test_outputs_choose_their_form_and_others_are_refused() -> None:
    wants = [{"name": "probabilities", "parameters": {"binary_data": True}}]
    assert read(*message(IMAGE, binary=False, outputs=wants)).binary
    assert read(*message(IMAGE, binary=False, parameters={"binary_data_output": True})).binary
    wants = [{"name": "probabilities", "parameters": {"binary_data": False}}]
    assert not read(*message(IMAGE, binary=False, outputs=wants, parameters={"binary_data_output": True})).binary
    with pytest.raises(Refusal, match="one output"):
        read(*message(IMAGE, binary=False, outputs=[{"name": "logits"}]))
    with pytest.raises(Refusal, match="classification"):
        read(*message(IMAGE, binary=False, outputs=[{"name": "probabilities", "parameters": {"classification": 3}}]))


def test_floats_that_do_not_lie_aligned_are_read() -> None:
    body, length = message(np.array([[1.5, 2.5]], np.float32), binary=True)
    assert read(b" " + body, str(int(length or 0) + 1)).images.tolist() == [[1.5, 2.5]]
