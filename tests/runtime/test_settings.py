"""Settings as a file's metadata holds them, and that metadata read without a session."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import odd_models as odd
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.host.machine import fingerprint, usable_cpus
from edgecnn.info import inspect
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.settings import ENTRY, Settings, metadata_props, stored, with_settings

HERE, THERE = "0123456789abcdef", "fedcba9876543210"
CHOSEN = Settings(threads=1, arena=False, cached=True)
ENTRY_HERE = {"threads": 1, "spinning": False, "arena": False, "cached": True, "onnxruntime": "1.30.0"}


def test_settings_are_read_as_they_were_written_for_one_host_and_version() -> None:
    metadata = with_settings({"name": "edge"}, HERE, "1.30.0", CHOSEN)
    assert metadata["name"] == "edge"
    assert json.loads(metadata[ENTRY]) == {HERE: ENTRY_HERE}
    assert stored(metadata, HERE, "1.30.0") == CHOSEN
    assert stored(metadata, THERE, "1.30.0") == Settings()
    assert stored(metadata, HERE, "1.30.1") == Settings()


def test_settings_of_several_hosts_stand_beside_one_another() -> None:
    one = with_settings({}, HERE, "1.30.0", CHOSEN)
    both = with_settings(one, THERE, "1.31.0", Settings(cached=True))
    assert (stored(both, HERE, "1.30.0"), stored(both, THERE, "1.31.0")) == (CHOSEN, Settings(cached=True))
    renewed = with_settings(both, HERE, "1.31.0", Settings())
    assert list(json.loads(renewed[ENTRY])) == [HERE, THERE]
    assert stored(renewed, HERE, "1.30.0") == Settings()


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 0},
        {"threads": -1},
        {"threads": len(usable_cpus()) + 1},
        {"threads": True},
        {"threads": "1"},
        {"threads": 1.0},
        {"spinning": 1},
        {"arena": None},
        {"cached": "yes"},
        {"more": 1},
    ],
)
def test_a_malformed_entry_gives_the_defaults(change: dict[str, Any]) -> None:
    assert stored({ENTRY: json.dumps({HERE: ENTRY_HERE | change})}, HERE, "1.30.0") == Settings()


@pytest.mark.parametrize(
    "entry", ["", "fast", "[]", "7", "null", "[" * 100_000, f'{{"{HERE}": 1}}', f'{{"{HERE}": {{}}}}']
)
def test_another_form_gives_the_defaults_and_is_written_over(entry: str) -> None:
    assert stored({ENTRY: entry}, HERE, "1.30.0") == Settings()
    assert stored(with_settings({ENTRY: entry}, HERE, "1.30.0", CHOSEN), HERE, "1.30.0") == CHOSEN


@pytest.mark.parametrize("key", ENTRY_HERE)
def test_an_incomplete_entry_gives_the_defaults(key: str) -> None:
    entry = {name: value for name, value in ENTRY_HERE.items() if name != key}
    assert stored({ENTRY: json.dumps({HERE: entry})}, HERE, "1.30.0") == Settings()


def test_a_session_has_at_least_one_thread() -> None:
    with pytest.raises(ValueError, match="at least one thread, not 0"):
        Settings(threads=0)


# A file's metadata.


def test_metadata_is_what_onnxruntime_reads(tiny: Path) -> None:
    assert metadata_props(tiny) == dict(Classifier(tiny).metadata)


def read_back(content: bytes) -> dict[str, str]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "any.onnx"
        path.write_bytes(content)
        return metadata_props(path)


@given(st.dictionaries(st.text(), st.text()))
def test_any_text_is_read_back(entries: dict[str, str]) -> None:
    model = onnx.ModelProto(ir_version=8, doc_string="x" * 300)
    onnx.helper.set_model_props(model, entries)
    assert read_back(model.SerializeToString()) == entries


def test_fields_of_every_kind_are_skipped() -> None:
    """As a later version of the format may have them: numbers, 8 and 4 bytes, and texts, with numbers from 30 on."""
    unknown = b"\xf0\x01\xff\xff\xff\xff\x7f" + b"\xf9\x01" + bytes(8) + b"\xfa\x01\x03abc" + b"\xfd\x01" + bytes(4)
    entry = onnx.StringStringEntryProto(key="name", value="edge").SerializeToString()
    prop = b"\x72" + bytes([len(entry + unknown)]) + unknown + entry
    assert read_back(unknown + prop + unknown) == {"name": "edge"}


def test_a_truncated_file_has_no_metadata_or_what_stands_in_its_whole_fields() -> None:
    model = odd.linear(metadata={"name": "edge", "labels": "none"})
    content = model.SerializeToString()
    whole = {"name": "edge", "labels": "none"}
    for end in (*range(120), *range(len(content) - 60, len(content))):
        found = read_back(content[:end])
        assert found in ({}, {"name": "edge"})
    assert read_back(content) == whole


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x89PNG\r\n\x1a\n" + bytes(100), b"\xff" * 40])
def test_another_kind_of_file_has_no_metadata(content: bytes) -> None:
    assert read_back(content) == {}


@given(st.binary(max_size=60))
def test_no_content_whatever_is_an_error(content: bytes) -> None:
    assert isinstance(read_back(content), dict)


def test_a_missing_file_and_a_folder_have_no_metadata(tmp_path: Path) -> None:
    assert metadata_props(tmp_path / "missing.onnx") == metadata_props(tmp_path) == {}


def test_info_shows_the_settings_of_every_host(tmp_path: Path) -> None:
    metadata = with_settings(with_settings({}, HERE, "1.30.0", CHOSEN), fingerprint(), "1.0", Settings())
    metadata["graph"] = json.dumps(dict.fromkeys(("opset", "ir_version", "parameters", "macs"), 1) | {"operators": {}})
    path = odd.save(odd.linear(metadata=metadata), tmp_path / "odd.onnx")
    shown = inspect(path)[0].metadata["settings"]
    assert shown[HERE] == ENTRY_HERE
    assert set(shown) == {HERE, fingerprint()}
