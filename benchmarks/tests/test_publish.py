"""The shipped models: their cards, their files and their pages say the same, and every command finds them."""

from pathlib import Path

import pytest

from benchmarks.models import model_card, publish
from edgecnn.data import load
from edgecnn.files import sha256
from edgecnn.folder import SHIPPED_MODELS, ModelFolder, find
from edgecnn.layers import Augmentation
from edgecnn.recipes import RECIPES
from edgecnn.runtime.classifier import Classifier

FOLDERS = publish.folders()
each_model = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.path.name)


def test_the_default_model_is_shipped() -> None:
    assert "edge" in {folder.path.name for folder in FOLDERS}


@each_model
def test_the_files_are_those_of_the_card(folder: ModelFolder) -> None:
    card = folder.card()
    assert card
    assert {path.name for path in folder.onnx_files()} == set(card.exports)
    assert {"model.onnx", "model.int8.onnx", "model.int8.arm64.onnx"} <= set(card.exports)
    for name, record in card.exports.items():
        assert (record.bytes, record.sha256) == ((folder.path / name).stat().st_size, sha256(folder.path / name))


@each_model
def test_the_page_is_what_card_and_results_give(folder: ModelFolder) -> None:
    shown = (folder.path / publish.README).read_text(encoding="utf-8")
    assert shown == model_card.text(folder), "run python -m benchmarks publish --cards"
    card = folder.card()
    assert card
    assert all(record.sha256 in shown for record in card.exports.values())


@each_model
def test_a_shipped_model_is_of_its_recipe_as_it_is_now(folder: ModelFolder) -> None:
    card, recipe = folder.card(), RECIPES[folder.path.name].longer()
    assert card
    assert card.training
    made = card.training
    assert (made.recipe, made.epochs, made.batch_size, made.seed) == (
        recipe.name,
        recipe.epochs,
        recipe.batch_size,
        0,
    )
    assert made.augmented == (recipe.augmentation is not None)


@each_model
def test_a_shipped_model_has_all_that_training_leaves(folder: ModelFolder) -> None:
    for path in (folder.keras, folder.history, folder.curves, folder.confusion, folder.errors, folder.filters):
        assert path.stat().st_size > 0
    assert not folder.checkpoint.exists()


@pytest.mark.slow
@each_model
@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_a_shipped_file_scores_what_its_card_says(folder: ModelFolder, name: str) -> None:
    card, test = folder.card(), load().test
    assert card
    said = card.exports[name].accuracy
    assert said
    answers = Classifier(folder.path / name).predict(test.images).argmax(axis=1)
    # Another processor may round otherwise, on an image or two.
    assert abs(int((answers == test.labels).sum()) - said.correct) <= 3


def test_a_shipped_model_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in FOLDERS:
        assert find(folder.path.name) == SHIPPED_MODELS / folder.path.name


def test_the_page_tells_what_was_done_to_training_images() -> None:
    said = model_card.distorted(Augmentation(rotation=0.2, scale=0.12, shift=0.07, shear=0.1, light=0.15))
    every = "Every training image is rotated by up to 0.2 rad, scaled by 12%, shifted by 7%, sheared by 0.1"
    assert said == f"{every}; 15% are changed in light."
    assert model_card.distorted(None) == "The training images are not augmented."
