"""ONNX files of other tools, described once and for all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from edgecnn.data import Dataset
from edgecnn.errors import ExportError, ModelError, UsageError
from edgecnn.exporting.export import export
from edgecnn.folder import ModelFolder
from edgecnn.info import inspect
from edgecnn.preprocessing import NAMED
from edgecnn.runtime.classifier import Classifier
from edgecnn.selection import Selection

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def logits(model: Any) -> Any:
    """The model without its Softmax."""
    del model.graph.node[-1]
    model.graph.output[0].name = "logits"
    return model


def described(path: Path) -> NDArray[np.float32]:
    return Classifier(path).predict(IMAGES)


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def weight_of(model: Any) -> NDArray[np.float64]:
    (tensor,) = (item for item in model.graph.initializer if item.name == "weight")
    return np.asarray(onnx.numpy_helper.to_array(tensor), np.float64)


@pytest.mark.parametrize("shape", [(28, 28, 1), (1, 28, 28), (784,)])
@pytest.mark.parametrize("batch", ["batch", 1, 4])
def test_a_described_file_needs_no_more_telling(shape: Sequence[int], batch: Any) -> None:
    model = logits(odd.linear(shape, "float32", classes=5, batch=batch))
    path = odd.save(model, Path("torch.onnx"))
    done = export(path, preprocess=NAMED["-1..1"])
    assert done.path == Path("models/torch/model.onnx")
    told = Classifier(done.path)
    assert (told.is_foreign, told.notes) == (False, ())
    assert told.input.preprocessing == NAMED["-1..1"]
    expected = softmax((IMAGES.reshape(7, 784) / 127.5 - 1) @ weight_of(model))
    assert np.abs(described(done.path) - expected).max() < 1e-5
    assert path.read_bytes() == model.SerializeToString()


def test_labels_come_from_the_data_and_the_files_own_entries_stay() -> None:
    path = odd.save(odd.linear((8, 8), "float32", classes=3, metadata={"author": "someone"}), Path("torch.onnx"))
    images, labels = np.resize(IMAGES, (30, 8, 8)), np.array(["ant", "bee", "cat"] * 10)
    np.savez("data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    done = export(path, preprocess=NAMED["0..1"], data="data.npz")
    told = Classifier(done.path)
    assert told.labels == ("ant", "bee", "cat")
    assert told.metadata.others == {"author": "someone"}
    assert done.record.accuracy is not None
    assert ModelFolder(done.path.parent).card_note(done.path) is None


def test_how_pixels_are_wanted_is_found_by_the_data(mnist: Dataset) -> None:
    pixels = mnist.train.images[:3000].reshape(3000, -1) / 127.5 - 1
    targets = np.eye(10)[mnist.train.labels[:3000]]
    weights = np.linalg.solve(pixels.T @ pixels + 10 * np.eye(784), pixels.T @ targets) * 10
    model = logits(odd.linear((784,), "float32"))
    (tensor,) = model.graph.initializer
    tensor.CopyFrom(onnx.numpy_helper.from_array(weights.astype(np.float32), "weight"))
    path = odd.save(model, Path("torch.onnx"))
    (before,) = inspect(path)
    assert (before.pixels.known_by, before.pixels.name) == ("assumption", "0..1")
    done = export(path, data="mnist")
    (after,) = inspect(done.path)
    assert (after.pixels.known_by, after.pixels.name) == ("the file", "-1..1")
    assert after.pixels.formula == "(pixel / 255 - 0.5) / 0.5"
    assert any("log loss" in note for note in done.notes)


def test_nothing_is_assumed_of_a_file_that_is_written() -> None:
    path = odd.save(odd.linear((8, 8), "float32"), Path("mute.onnx"))
    with pytest.raises(ExportError, match=r"does not say how it wants its pixels: give --data .* --preprocess"):
        export(path)
    assert not Path("models").exists()


def two_outputs() -> Any:
    """Features of 16 numbers beside the classes, both as a classifier could return them."""
    model = odd.linear((28, 28), "float32")
    model.graph.node.append(helper.make_node("Gemm", ["pixels", "more"], ["features"]))
    more = np.random.default_rng(1).normal(0, 0.01, (784, 16)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(more, "more"))
    model.graph.output.insert(0, odd.value("features", "float32", ["batch", 16]))
    return model


def test_one_of_several_outputs_is_kept() -> None:
    path = odd.save(two_outputs(), Path("two.onnx"))
    with pytest.raises(ModelError, match=r"2 outputs, features or probabilities, .*export two.onnx --output NAME"):
        Classifier(path)
    with pytest.raises(UsageError, match="no output 'odd': --output takes features or probabilities"):
        export(path, output="odd")
    done = export(path, output="probabilities", preprocess=NAMED["0..1"])
    assert done.card.selection == Selection(output="probabilities")
    kept = onnx.load(done.path).graph
    assert [value.name for value in kept.output] == ["probabilities"]
    assert [tensor.name for tensor in kept.initializer] == ["weight"]
    expected = softmax(IMAGES.reshape(7, 784) / 255 @ weight_of(two_outputs()))
    assert np.abs(described(done.path) - expected).max() < 1e-5


def test_the_only_output_with_classes_is_taken() -> None:
    model = odd.linear((28, 28), "float32")
    model.graph.output.insert(0, odd.value("cast", "float32", ["batch", 28, 28]))
    path = odd.save(model, Path("maps.onnx"))
    assert Classifier(path).output_name == "probabilities"


def test_a_free_size_is_that_of_the_data() -> None:
    path = odd.save(odd.linear(("h", "w"), "uint8", classes=3), Path("free.onnx"))
    with pytest.raises(ExportError, match="pictures of any size: give --data"):
        export(path)
    images, labels = np.resize(IMAGES, (30, 8, 8)), np.arange(30) % 3
    np.savez("data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    done = export(path, data="data.npz")
    assert Classifier(done.path).input.image_size == (8, 8, False)


def test_a_file_is_not_replaced_by_its_copy() -> None:
    Path("mine").mkdir()
    path = odd.save(odd.linear((28, 28), "float32"), Path("mine/model.onnx"))
    with pytest.raises(ExportError, match="would be replaced by its copy: give --out DIR"):
        export(path, preprocess=NAMED["0..1"])
    done = export(path, preprocess=NAMED["0..1"], out=Path("described"))
    assert done.path == Path("described/model.onnx")


@pytest.mark.parametrize("shape", [(28, 28), (8, 8, 4)])
def test_a_preprocessing_of_color_is_refused_for_other_pictures(shape: Sequence[int]) -> None:
    path = odd.save(odd.linear(shape, "float32", classes=3), Path("gray.onnx"))
    with pytest.raises(ModelError, match="imagenet is for color pictures: give --preprocess"):
        Classifier(path, preprocessing=NAMED["imagenet"])
    with pytest.raises(ModelError, match="imagenet is for color pictures: give --preprocess"):
        export(path, preprocess=NAMED["imagenet"])
