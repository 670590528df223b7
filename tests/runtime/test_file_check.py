"""What no library may open: weights elsewhere, sparse tensors, other operators, and damaged files."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import odd_models as odd
import onnx
import pytest
from onnx import helper, numpy_helper

from edgecnn.bench.runtimes import openvino
from edgecnn.errors import ModelError
from edgecnn.graph.convolutions import judged_convolutions
from edgecnn.graph.coverage import coverage
from edgecnn.info import inspect
from edgecnn.quantizing.float32_model import load_source
from edgecnn.runtime import protobuf
from edgecnn.runtime.classifier import Classifier, profile, save_optimized
from edgecnn.runtime.file_check import check_file

Change = Callable[[Any], object]
IN_MEMORY = "*/_ORT_MEM_ADDR_/*"  # where onnxruntime takes the offset for an address in memory


def refusal(model: Any, folder: Path) -> str:
    """Why a file is refused: the same by the check alone and by everything that opens files."""
    path = model if isinstance(model, Path) else odd.save(model, folder / "odd.onnx")
    with pytest.raises(ModelError) as caught:
        check_file(path)
    openers: list[Callable[[Path], object]] = [
        Classifier,
        inspect,
        coverage,
        judged_convolutions,
        load_source,
        lambda path: save_optimized(path, folder / "optimized.onnx"),
        lambda path: profile(path, np.zeros((1, 28, 28), np.uint8), 1),
        lambda path: openvino.open_contender(cast(Any, SimpleNamespace(file=path))),
    ]
    for opener in openers:
        with pytest.raises(ModelError, match=re.escape(str(caught.value))):
            opener(path)
    return str(caught.value)


def outside(tensor: Any, location: str = "weights.bin") -> Any:
    """The tensor with its values in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def constant_of(**attribute: Any) -> Any:
    """A Constant node that no other node reads."""
    return helper.make_node("Constant", [], ["unused"], **attribute)


def zeros() -> Any:
    return numpy_helper.from_array(np.zeros((2, 2), np.float32), "zeros")


def sparse() -> Any:
    values = numpy_helper.from_array(np.ones(1, np.float32), "weight")
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([3]), "indices"), [4])


def branch(*nodes: Any, tensors: Any = ()) -> Any:
    """A subgraph with one output."""
    output = helper.make_tensor_value_info("unused", onnx.TensorProto.FLOAT, None)
    return helper.make_graph(list(nodes), "branch", [], [output], list(tensors))


def with_branch(graph: Any) -> Any:
    return helper.make_node("If", ["condition"], ["chosen"], then_branch=graph, else_branch=graph)


def function(*nodes: Any) -> Any:
    return helper.make_function("ours", "F", [], [], list(nodes), [helper.make_opsetid("", 17)])


OUTSIDE: list[Change] = [
    lambda model: outside(model.graph.initializer[0]),
    lambda model: outside(model.graph.initializer[0], IN_MEMORY),
    lambda model: model.graph.initializer[0].external_data.add(key="location", value="weights.bin"),
    lambda model: setattr(model.graph.initializer[0], "data_location", onnx.TensorProto.EXTERNAL),
    lambda model: model.graph.node.append(constant_of(value=outside(zeros()))),
    lambda model: model.graph.node[0].attribute.append(helper.make_attribute("more", [outside(zeros())])),
    lambda model: model.graph.node.append(with_branch(branch(tensors=[outside(zeros())]))),
    lambda model: model.graph.node.append(with_branch(branch(constant_of(value=outside(zeros()))))),
    lambda model: model.graph.node.append(with_branch(branch(with_branch(branch(tensors=[outside(zeros())]))))),
]
SPARSE: list[Change] = [
    lambda model: model.graph.sparse_initializer.append(sparse()),
    lambda model: model.graph.node.append(constant_of(sparse_value=sparse())),
    lambda model: model.graph.node[0].attribute.append(helper.make_attribute("more", [sparse()])),
    lambda model: model.graph.node.append(with_branch(branch(constant_of(sparse_value=sparse())))),
]
DOMAINS = (
    "com.microsoft",
    "ai.onnx.ml",
    "ai.onnx.training",
    "ours",
    "AI.ONNX",
    "ai.onnx ",
    "a\nb\x1b[31m",
    "\u0430i.onnx",
)


@pytest.mark.parametrize("change", OUTSIDE)
def test_weights_outside_the_file_are_refused_in_every_form(change: Change, tmp_path: Path) -> None:
    model = odd.linear()
    change(model)
    (tmp_path / "weights.bin").write_bytes(odd.weights_of(odd.linear()) * 2)  # there, and still not read
    assert "weights are in another place than the file" in refusal(model, tmp_path)


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "/etc/passwd", "a/../../b", IN_MEMORY, ""])
def test_weights_outside_the_file_are_refused_wherever_they_are(location: str, tmp_path: Path) -> None:
    assert "another place" in refusal(odd.save_external(odd.linear(), tmp_path / "odd.onnx", location), tmp_path)


@pytest.mark.parametrize("change", SPARSE)
def test_sparse_tensors_are_refused(change: Change, tmp_path: Path) -> None:
    model = odd.linear()
    change(model)
    assert "sparse tensors" in refusal(model, tmp_path)


@pytest.mark.parametrize("domain", DOMAINS)
def test_operators_of_others_are_refused_by_name(domain: str, tmp_path: Path) -> None:
    model = odd.linear()
    model.graph.node[0].domain = domain
    assert repr(f"{domain}.Cast") in refusal(model, tmp_path)
    nested = odd.linear()
    nested.graph.node.append(with_branch(branch(helper.make_node("Secret", [], ["unused"], domain=domain))))
    assert repr(f"{domain}.Secret") in refusal(nested, tmp_path)


def test_a_set_of_operators_that_nobody_knows_is_refused_even_if_unused(tmp_path: Path) -> None:
    model = odd.linear()
    model.opset_import.append(helper.make_opsetid("ours", 1))
    assert "operators of 'ours'" in refusal(model, tmp_path)


@pytest.mark.parametrize("domain", ["ai.onnx.ml", "com.microsoft", "com.ms.internal.nhwc", "com.microsoft.nchwc"])
def test_sets_of_operators_that_converters_name_without_use_are_taken(domain: str, tmp_path: Path) -> None:
    model = odd.linear()
    model.opset_import.append(helper.make_opsetid(domain, 1))
    assert Classifier(odd.save(model, tmp_path / "odd.onnx")).labels


def test_onnxs_own_operators_have_two_names_for_their_set(tmp_path: Path) -> None:
    model = odd.linear()
    for node in model.graph.node:
        node.domain = "ai.onnx"
    assert Classifier(odd.save(model, tmp_path / "odd.onnx")).labels


@pytest.mark.parametrize("nodes", [(), (constant_of(value=outside(zeros())),)])
def test_functions_are_refused(nodes: tuple[Any, ...], tmp_path: Path) -> None:
    model = odd.linear()
    model.functions.append(function(*nodes))
    assert "functions" in refusal(model, tmp_path)


def test_a_training_graph_is_refused(tmp_path: Path) -> None:
    model = odd.linear()
    model.training_info.add().algorithm.CopyFrom(branch(tensors=[outside(zeros())]))
    assert "training graph" in refusal(model, tmp_path)


def test_onnxruntimes_own_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.onnx").write_bytes(b"\x20\0\0\0ORTM" + bytes(100))
    assert "onnxruntime's own format" in refusal(tmp_path / "odd.onnx", tmp_path)


def deep(levels: int) -> Any:
    graph = branch()
    for _ in range(levels):
        graph = branch(helper.make_node("If", ["condition"], ["unused"], then_branch=graph))
    return graph


def test_subgraphs_may_be_nested_but_not_without_end(tmp_path: Path) -> None:
    model = odd.linear()
    model.graph.node.append(with_branch(deep(8)))
    check_file(odd.save(model, tmp_path / "odd.onnx"))
    (tmp_path / "deep.onnx").write_bytes(nested(5000))
    assert "nested" in refusal(tmp_path / "deep.onnx", tmp_path)


def message(number: int, content: bytes) -> bytes:
    """A field that holds a message, as protobuf writes it."""
    return varint(8 * number + 2) + varint(len(content)) + content


def varint(number: int, at_least: int = 1) -> bytes:
    """A number of variable length, with needless bytes up to a length."""
    digits = bytearray()
    while number or len(digits) < at_least:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits[-1] &= 0x7F
    return bytes(digits)


def nested(levels: int) -> bytes:
    """A graph in an attribute of a node in a graph, and so on; made without a library, which would refuse to."""
    content = b""
    for _ in range(levels):
        content = message(1, message(5, message(6, content)))
    return message(7, content)


EXTERNAL = b"\x70\x01"  # TensorProto.data_location = EXTERNAL


@pytest.mark.parametrize(
    "content",
    [
        message(7, message(5, EXTERNAL)),
        message(7, message(5, b"\x70" + varint(1, 10))),
        message(7, message(5, b"\x70" + varint(2**32 + 1))),  # of an enumeration, libraries read the low 32 bits
        message(7, message(5, varint(8 * 14, 5) + b"\x01")),
        message(7, message(5, varint(8 * 14 + 2**32, 5) + b"\x01")),  # so they may of a field's number
        message(7, b"") + message(7, message(5, EXTERNAL)),  # the parts of a graph that comes twice are merged
        message(7, message(5, b"\x70\x00" + EXTERNAL)),
        message(7, message(5, EXTERNAL + b"\x70\x00")),
        message(7, message(5, b"\x72\x01\x01")),  # of another wire type than the format says
        message(7, message(5, b"\x6b")),  # a group: an old form of a message
        message(7, message(1, message(5, message(5, EXTERNAL)))),
        message(7, message(1, message(5, message(10, b"") + message(10, EXTERNAL)))),
        b"\x0a" + varint(2**62) + b"x",
        b"\x02\x00",
        b"\x0f",
        b"\x08" + b"\xff" * 11,
        b"\x08",
    ],
)
def test_no_form_of_writing_hides_what_a_library_would_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.onnx").write_bytes(content)
    refusal(tmp_path / "odd.onnx", tmp_path)


def test_what_was_read_before_is_compared_whole(tmp_path: Path) -> None:
    """Short messages are remembered; one that ends in the next block is not taken for one that begins alike."""
    good, bad = message(8, b"weight"), message(8, b"weight") + EXTERNAL
    padded = message(5, good + b"\x08\x01") * 3
    for size in range(protobuf.BLOCK - 60, protobuf.BLOCK):
        filler = message(5, message(9, bytes(size)))
        (tmp_path / "odd.onnx").write_bytes(message(7, padded + filler + message(5, bad) * 2))
        with pytest.raises(ModelError, match="another place"):
            check_file(tmp_path / "odd.onnx")


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.graph.node[0].name,
        lambda model: model.graph.input[0].name,
        lambda model: model.graph.name,
        lambda model: model.graph.output[0].type.tensor_type.shape.dim[0].dim_param,
        lambda model: model.graph.initializer[0].name,
        lambda model: model.metadata_props[0].value,
    ],
)
def test_names_that_are_not_text_are_refused(change: Callable[[Any], str], tmp_path: Path) -> None:
    model = odd.linear(metadata={"author": "marker-of-author"})
    model.graph.node[0].name, model.graph.name = "marker-of-node", "marker-of-graph"
    old = change(model).encode()
    content = model.SerializeToString()
    assert old in content
    (tmp_path / "odd.onnx").write_bytes(content.replace(old, b"\xff" * len(old)))
    assert "not UTF-8" in refusal(tmp_path / "odd.onnx", tmp_path)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "odd.onnx")
    assert "not a regular file" in refusal(tmp_path / "odd.onnx", tmp_path)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        graph = message(5, b"\x4a" + varint(2**31 - 100))
        file.write(b"\x3a" + varint(len(graph) + 2**31 - 100) + b"\x2a" + varint(2**31 - 100 + len(graph) - 2))
        file.truncate(2**32)
    started = perf_counter()
    with pytest.raises(ModelError):
        check_file(path)
    assert perf_counter() - started < 1


def test_a_file_of_endless_fields_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MOST_FIELDS", 1000)
    (tmp_path / "odd.onnx").write_bytes(b"\x08\x01" * 2000)
    with pytest.raises(ModelError, match="more than 1,000 fields"):
        check_file(tmp_path / "odd.onnx")
