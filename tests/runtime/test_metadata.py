"""What a file says about itself is read as it was written, and what other tools say is neither trusted nor lost."""

import json
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import odd_models as odd
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.errors import ModelError
from edgecnn.metrics import Accuracy
from edgecnn.origin import Origin
from edgecnn.preprocessing import NAMED
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.metadata import PARSERS, PREFIX, GraphSummary, ModelMetadata, read_metadata
from edgecnn.runtime.outliers import Outliers
from edgecnn.runtime.protobuf import fields

FILE = Path("a.onnx")
OUTLIERS = Outliers(b64encode(bytes(49 * 3)).decode(), b64encode(bytes(1225)).decode(), 0.001, 11.2)
WHOLE = ModelMetadata(
    name="edge",
    labels=("0", "é", "2"),
    recipe="edge",
    dataset=Origin("mnist", "ab"),
    original_sha256="cd",
    versions={"numpy": "2.0"},
    preprocessing=NAMED["imagenet"],
    treatment="digit",
    confidence=0.7,
    outliers=OUTLIERS,
    accuracy=Accuracy("test", 9, 10),
    quantization={"scheme": "static", "target": "any"},
    decision={"chosen": "channels-last", "reason": "it is fast", "candidates": [{"name": "channels-last"}]},
    graph=GraphSummary(17, 8, {"Conv": 2}, 100, None),
    settings={"host": {"threads": 1}},
    others={"author": "somebody"},
)
DAMAGED = {
    "labels": ["cat, dog", '"01"', "10", "null", "[[1]]", "[" * 100_000, '[{"a": 1}]'],
    "dataset": ["1", "[]", "{}", '{"name": 1, "sha256": "a"}', '{"name": "a"}'],
    "versions": ["[]", "1.0"],
    "input_scale": ["bright", "nan", "inf", "0", "-1"],
    "preprocessing": ["[]", "{}", '{"scale": [1], "offset": [1, 2]}', '{"scale": ["a"], "offset": [0]}'],
    "outliers": ["11.2", "[]", "{}", '{"means": "", "spread": "", "scale": 0.1, "limit": 1.0}'],
    "accuracy": [
        "0.9",
        "{}",
        '{"split": "test", "correct": 11, "images": 10}',
        '{"split": 1, "correct": 1, "images": 0}',
    ],
    "quantization": ["int8", "[]", '{"bits": 8}', '{"scheme": 8}'],
    "decision": ["yes", "{}", '{"chosen": "a", "reason": "b", "candidates": 1}', '{"chosen": 1}'],
    "graph": [
        "x",
        "{}",
        '{"opset": "17"}',
        '{"opset": 17, "ir_version": 8, "operators": [], "parameters": 1, "macs": 1}',
    ],
    "settings": ["fast", "[]", "7"],
}


def test_all_that_is_written_is_read() -> None:
    assert ModelMetadata.of(WHOLE.entries(), FILE) == WHOLE
    known = {*PARSERS, "author"} - {"input_scale"}  # which edgecnn 0.1 wrote
    assert {key.removeprefix(PREFIX) for key in WHOLE.entries()} == known
    assert ModelMetadata().entries() == {}


def test_a_file_of_the_first_version_is_read_without_the_prefix() -> None:
    entries = {key.removeprefix(PREFIX): text for key, text in WHOLE.entries().items()}
    entries["dataset"] = json.dumps({"source": "mnist", "sha256": "ab"})
    found = ModelMetadata.of(entries, FILE)
    assert found == WHOLE
    assert set(found.entries()) == set(WHOLE.entries())


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in DAMAGED.items() for text in texts])
def test_a_damaged_entry_is_an_error_and_another_tools_word_is_not(name: str, text: str) -> None:
    with pytest.raises(ModelError, match=rf"a\.onnx has a damaged entry edgecnn\.{name}: export it again"):
        ModelMetadata.of({PREFIX + name: text}, FILE)
    found = ModelMetadata.of({name: text}, FILE)
    assert found == ModelMetadata(others={name: text})
    assert found.entries() == {name: text}


def test_beside_ours_the_same_words_are_another_tools() -> None:
    entries = {"edgecnn.name": "mine", "name": "theirs", "labels": '["a"]'}
    found = ModelMetadata.of(entries, FILE)
    assert (found.name, found.labels, found.others) == ("mine", (), {"name": "theirs", "labels": '["a"]'})
    assert found.entries() == entries


def test_plain_values_are_for_json() -> None:
    plain = json.loads(json.dumps(WHOLE.plain()))
    assert plain["dataset"] == {"name": "mnist", "sha256": "ab"}
    assert plain["author"] == "somebody"
    assert "others" not in plain


@given(st.dictionaries(st.sampled_from([*PARSERS, *(PREFIX + name for name in PARSERS)]), st.text()))
def test_no_text_whatever_is_another_error(entries: dict[str, str]) -> None:
    """One entry is ours for sure: a file without any is taken for one of the first version."""
    try:
        found = ModelMetadata.of({**entries, PREFIX + "name": "edge"}, FILE)
    except ModelError:
        return
    assert ModelMetadata.of(found.entries(), FILE) == found


def test_metadata_is_what_onnxruntime_reads(tiny: Path) -> None:
    assert read_metadata(tiny) == Classifier(tiny).metadata
    assert read_metadata(tiny).name == "tiny"


def read_back(content: bytes) -> dict[str, str]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "any.onnx"
        path.write_bytes(content)
        return dict(read_metadata(path).others)


@given(st.dictionaries(st.text().filter(lambda key: key.removeprefix(PREFIX) not in PARSERS), st.text()))
def test_any_text_is_read_back(entries: dict[str, str]) -> None:
    model = onnx.ModelProto(ir_version=8, doc_string="x" * 300)
    onnx.helper.set_model_props(model, entries)
    assert read_back(model.SerializeToString()) == entries


def test_fields_of_every_kind_are_skipped() -> None:
    """As a later version of the format may have them: numbers, 8 and 4 bytes, and texts, with numbers from 30 on."""
    unknown = b"\xf0\x01\xff\xff\xff\xff\x7f" + b"\xf9\x01" + bytes(8) + b"\xfa\x01\x03abc" + b"\xfd\x01" + bytes(4)
    entry = onnx.StringStringEntryProto(key="first", value="edge").SerializeToString()
    prop = b"\x72" + bytes([len(entry + unknown)]) + unknown + entry
    assert read_back(unknown + prop + unknown) == {"first": "edge"}


def test_a_truncated_file_has_no_metadata_or_what_stands_in_its_whole_fields() -> None:
    model = odd.linear(metadata={"first": "edge", "second": "none"})
    content = model.SerializeToString()
    whole = {"first": "edge", "second": "none"}
    for end in (*range(120), *range(len(content) - 60, len(content))):
        found = read_back(content[:end])
        assert found in ({}, {"first": "edge"})
    assert read_back(content) == whole


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x89PNG\r\n\x1a\n" + bytes(100), b"\xff" * 40])
def test_another_kind_of_file_has_no_metadata(content: bytes) -> None:
    assert read_back(content) == {}


@given(st.binary(max_size=60))
def test_no_content_whatever_is_an_error(content: bytes) -> None:
    assert isinstance(read_back(content), dict)


def test_a_missing_file_and_a_folder_have_no_metadata(tmp_path: Path) -> None:
    assert read_metadata(tmp_path / "missing.onnx") == read_metadata(tmp_path) == ModelMetadata()


def test_a_message_of_very_many_fields_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecnn.runtime.protobuf.MOST_FIELDS", 1000)
    content = b"\x3a\0" * 1001
    assert len(list(fields(BytesIO(content), 0, 2000))) == 1000
    with pytest.raises(ValueError, match="it has more than"):
        list(fields(BytesIO(content), 0, 2002))
