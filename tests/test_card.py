"""A card from outside: it is read whole, or refused in one line; and it counts only for the files it is about."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgecnn import files
from edgecnn.card import Card, DataRecord, ExportRecord, TrainingRecord, versions
from edgecnn.errors import ModelError
from edgecnn.folder import SHIPPED_MODELS, ModelFolder, shipped
from edgecnn.metrics import Accuracy

WHOLE = Card(
    name="edge",
    labels=tuple("0123456789"),
    input_shape=(28, None),
    input_dtype="uint8",
    parameters=29_402,
    original_sha256="12" * 32,
    data=DataRecord("mnist", "ab" * 32, 55_000, 5_000, 10_000),
    training=TrainingRecord("edge", 14, 128, 0, None, 66.9, "a laptop"),
    validation=Accuracy("validation", 4953, 5000),
    test=Accuracy("test", 9945, 10_000),
    versions={"python": "3.11.7"},
    exports={
        "model.onnx": ExportRecord(
            "float32", 120_000, "cd" * 32, 17, 1e-6, 1.0, Accuracy("test", 9945, 10_000), {"a": 1}, {"b": [{"c": 1}]}
        )
    },
)
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**400, 1.5, -1e308, "", "x", "x" * 100_000, "\x1b[31m", [], [[]], {}, {"split": 1}, [None] * 9,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value in a tree of JSON."""
    yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*path, key))


def with_value(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = tree.copy()
    changed[path[0]] = with_value(tree[path[0]], path[1:], value)
    return changed


def read(folder: Path, content: str | bytes) -> Card | None:
    (folder / "card.json").write_bytes(content.encode() if isinstance(content, str) else content)
    return ModelFolder(folder).card()


def test_any_value_in_any_place_is_read_whole_or_refused_in_one_line(tmp_path: Path) -> None:
    tree = json.loads(WHOLE.to_json())
    refused = 0
    for path in places(tree):
        for value in ODD_VALUES:
            found = outcome(tmp_path, json.dumps(with_value(tree, path, value)))
            if isinstance(found, str):
                assert "\n" not in found
                assert len(found) < 600
                refused += 1
                continue
            assert Card.from_json(found.to_json()) == found
            assert all(str(score) for score in (found.validation, found.test))
    assert refused > 500


def outcome(folder: Path, content: str) -> Card | str:
    """The card, or the message that refuses it."""
    try:
        card = read(folder, content)
    except ModelError as error:
        return str(error)
    assert card is not None
    return card


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("test", "images"), 0),
        (("test", "correct"), 10_001),
        (("exports", "model.onnx", "accuracy", "images"), "x"),
        (("exports", "model.onnx", "sha256"), "../card.json"),
        (("exports",), {"../../outside": None}),
        (("input_dtype",), "x"),
        (("input_shape",), [28, -1]),
        (("input_shape",), [10**9, 10**9]),
        (("data", "name"), []),
        (("labels",), []),
        (("labels",), ["x"] * 100_001),
        (("training", "temperature"), 0),
        (("parameters",), "29402"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(ModelError, match=r"card\.json is not a card of edgecnn \(.*\): remove it, then export again"):
        read(tmp_path, json.dumps(with_value(json.loads(WHOLE.to_json()), path, value)))


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        WHOLE.to_json().replace('{\n        "a": 1\n      }', '{"a":' + "[" * 900 + "]" * 900 + "}"),
        WHOLE.to_json().replace("29402", "NaN"),
        WHOLE.to_json().replace("66.9", "1e999"),
        WHOLE.to_json().replace('"edge"', '"\\ud800"'),
        b"\x00" * 100,
        " " * 10_000_001,
    ],
    ids=range(8),
)
def test_what_is_no_json_of_a_sane_size_and_depth_is_refused(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(ModelError, match="is not a card of edgecnn"):
        read(tmp_path, content)


def test_a_card_of_the_first_version_is_read(tmp_path: Path) -> None:
    raw = json.loads(WHOLE.to_json())
    raw["data"]["source"] = raw["data"].pop("name")
    del raw["original_sha256"]
    assert read(tmp_path, json.dumps(raw)) == replace(WHOLE, original_sha256="")


# Which files a card is about


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    """A folder with an original, an ONNX file, and the card of both."""
    model = ModelFolder(tmp_path)
    model.keras.write_bytes(b"original")
    model.onnx("float32").write_bytes(b"exported")
    record = replace(WHOLE.exports["model.onnx"], sha256=files.sha256(model.onnx("float32")))
    model.write_card(
        replace(WHOLE, original_sha256=files.sha256(model.keras), exports={"model.onnx": record}),
    )
    return model


def test_a_card_is_about_the_files_it_was_written_for(model: ModelFolder) -> None:
    card = model.card()
    assert card is not None
    assert (model.card_of(model.keras), model.card_of(model.onnx("float32"))) == (card, card)
    assert model.undescribed(card) == ()
    model.onnx("float32").unlink()  # a file that is gone contradicts nothing
    assert model.undescribed(card) == ()


@pytest.mark.parametrize("name", ["model.keras", "model.onnx"])
def test_a_file_that_was_replaced_is_refused(model: ModelFolder, name: str) -> None:
    path = model.path / name
    path.write_bytes(b"another")
    card = model.card()
    assert card is not None
    assert model.undescribed(card) == (path,)
    with pytest.raises(ModelError, match=rf"card\.json is about another {name}"):
        model.card_of(path)


def test_what_the_card_is_not_about_is_told_in_a_line(model: ModelFolder) -> None:
    assert model.card_note(model.keras) is None
    model.keras.write_bytes(b"another")
    note = model.card_note(model.keras)
    assert note is not None
    assert "card.json is about another model.keras" in note
    model.card_path.write_text("{")
    assert "is not a card of edgecnn" in (model.card_note(model.keras) or "")
    model.card_path.unlink()
    assert model.card_note(model.keras) is None


def test_a_neighbor_has_no_card(model: ModelFolder) -> None:
    other = model.path / "other.onnx"
    other.write_bytes(b"exported")
    assert model.card_of(other) is None


def test_a_third_party_original_may_be_saved_anew(model: ModelFolder) -> None:
    card = model.card()
    assert card is not None
    model.write_card(replace(card, training=None))
    model.keras.write_bytes(b"another")
    assert model.card_of(model.keras) is None


def test_a_card_without_its_originals_hash_is_about_any(model: ModelFolder) -> None:
    card = model.card()
    assert card is not None
    model.write_card(replace(card, original_sha256=""))
    model.keras.write_bytes(b"another")
    assert model.card_of(model.keras) == replace(card, original_sha256="")


# Versions


def test_a_version_is_found_by_distribution_by_module_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def version(name: str) -> str:
        if name == "tensorflow-cpu":
            return "2.20.0"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"tensorflow": ["tensorflow-cpu"]})
    found = versions("tensorflow", "pytest", "edgecnn")
    assert (found["tensorflow"], found["pytest"]) == ("2.20.0", pytest.__version__)
    assert "edgecnn" not in found


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_cards_are_about_their_files(name: str) -> None:
    model = ModelFolder(SHIPPED_MODELS / name)
    card = model.card()
    assert card is not None
    assert card.original_sha256
    assert model.undescribed(card) == ()
