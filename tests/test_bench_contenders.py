"""What is entered for a model: every ONNX file of its folder, and its original where it can be run."""

import json
import shutil
from pathlib import Path

import pytest

from edgecnn.bench.contenders import enter
from edgecnn.errors import BenchError, ModelError
from edgecnn.folder import Card, ModelFolder


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> ModelFolder:
    """Three precisions and, in place of an original, a file of its name: what is entered is not yet opened."""
    for name in ("model.onnx", "model.int8.onnx", "model.fp16.onnx"):
        shutil.copy(tiny, tmp_path / name)
    (tmp_path / "model.keras").touch()
    return ModelFolder(tmp_path)


def test_a_folder_enters_each_way_of_tensorflow_and_each_onnx_file(folder: ModelFolder) -> None:
    entry = enter(folder.path, threads=2, batch=8)
    assert [item.name for item in entry.contenders] == [
        "TensorFlow predict",
        "TensorFlow model(x)",
        "TensorFlow tf.function",
        "onnxruntime float32",
        "onnxruntime int8",
        "onnxruntime float16",
    ]
    assert [item.file.name for item in entry.contenders[2:4]] == ["model.keras", "model.onnx"]
    assert {(item.threads, item.batch, item.scale) for item in entry.contenders} == {(2, 8, 1 / 255)}
    assert [item.is_tensorflow for item in entry.contenders] == [True] * 3 + [False] * 3
    assert entry.missing == ()


def test_a_saved_model_has_but_one_way(folder: ModelFolder) -> None:
    folder.keras.unlink()
    (folder.path / "saved_model").mkdir()
    names = [item.name for item in enter(folder.path, 1, 1).contenders if item.is_tensorflow]
    assert names == ["TensorFlow tf.function"]


def test_the_card_gives_name_and_pixel_scale(folder: ModelFolder) -> None:
    folder.write_card(Card("digits", ("0", "1"), (28, 28), "float32", 1, input_scale=1.0))
    entry = enter(folder.path, 1, 1)
    assert (entry.model, entry.card) == (str(folder.path), folder.card())
    assert {(item.model, item.scale) for item in entry.contenders} == {(str(folder.path), 1.0)}


def test_one_file_enters_alone_under_its_own_name(folder: ModelFolder, tiny: Path) -> None:
    assert [item.name for item in enter(tiny, 1, 1).contenders] == ["onnxruntime tiny"]
    assert [item.name for item in enter(folder.onnx("int8"), 1, 1).contenders] == ["onnxruntime int8"]


def test_an_original_without_onnx_files_says_what_to_run(folder: ModelFolder) -> None:
    for path in folder.onnx_files():
        path.unlink()
    entry = enter(folder.path, 1, 1)
    assert all(item.is_tensorflow for item in entry.contenders)
    assert entry.missing == (
        f"{folder.path} holds no ONNX file: run 'edgecnn export {folder.path} --quantize' to compare",
    )


def test_an_empty_folder_holds_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="holds nothing to measure: run 'edgecnn train' and 'edgecnn export' first"):
        enter(tmp_path, 1, 1)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere is no file, no folder and no published model"):
        enter(tmp_path / "nowhere", 1, 1)


def test_a_damaged_card_is_named(folder: ModelFolder) -> None:
    folder.card_path.write_text(json.dumps({"name": "half a card"}))
    with pytest.raises(ModelError, match=r"card\.json is not a card of edgecnn"):
        enter(folder.path, 1, 1)
