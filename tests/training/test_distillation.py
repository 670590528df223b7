"""A network that is taught by a larger one: when, what it learns from it, and what is recorded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgecnn.data import Dataset, load
from edgecnn.errors import RecipeError, TrainingError, TrainingInterrupted
from edgecnn.files import sha256
from edgecnn.folder import ModelFolder
from edgecnn.plots import pictures
from edgecnn.progress import Progress
from edgecnn.recipes import RECIPES, find_recipe
from edgecnn.training import distillation
from edgecnn.training.backend import keras
from edgecnn.training.train import train
from edgecnn.training.trainer import log_softmax

pytestmark = pytest.mark.tensorflow
TAUGHT = replace(find_recipe("nano"), teacher="teacher")


@pytest.fixture(scope="module")
def few() -> Dataset:
    """360 training images: 330 and 30 for validation, and MNIST's first 500 test images."""
    mnist = load(limit=360)
    return replace(mnist, test=replace(mnist.test, images=mnist.test.images[:500], labels=mnist.test.labels[:500]))


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "write", lambda *_: None)


@pytest.fixture(scope="module")
def shipped(few: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shipped models that holds one, `teacher`, which was trained with those images."""
    folder = tmp_path_factory.mktemp("shipped")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(pictures, "write", lambda *_: None)
        train(find_recipe("edge"), few, ModelFolder(folder / "teacher"), epochs=1)
    return folder


@pytest.fixture
def teacher(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFolder:
    monkeypatch.setattr(distillation, "SHIPPED_MODELS", shipped)
    return ModelFolder(shipped / "teacher")


def test_a_teacher_teaches_the_images_that_it_was_trained_with(few: Dataset, teacher: ModelFolder) -> None:
    assert distillation.teacher_for(TAUGHT, few, None) == teacher.keras
    assert distillation.teacher_for(TAUGHT, replace(few, sha256="ab" * 32), None) is None
    assert distillation.teacher_for(TAUGHT, few, limit=300) is None
    assert distillation.teacher_for(find_recipe("nano"), few, None) is None


def test_a_missing_teacher_is_named_with_the_cure(few: Dataset, teacher: ModelFolder) -> None:
    with pytest.raises(TrainingError, match=r"shipped model 'absent', which is missing .* train without --long"):
        distillation.teacher_for(replace(TAUGHT, teacher="absent"), few, None)


def test_the_loss_is_that_of_labels_and_of_answers(few: Dataset, teacher: ModelFolder) -> None:
    images, labels = few.train.images[:50], few.train.labels[:50].astype(np.int64)
    model = keras("a test").models.load_model(teacher.keras)
    answers = np.asarray(keras("a test").Model(model.input, model.layers[-1].input)(images), np.float64)
    wrong = answers[::-1].astype(np.float32)
    loss = distillation.loss_with(teacher.keras)
    of_labels = float(distillation.label_loss(labels, wrong))
    soft, told = (log_softmax(each / distillation.TEMPERATURE) for each in (answers, wrong.astype(np.float64)))
    divergence = (np.exp(soft) * (soft - told)).sum(axis=1).mean() * distillation.TEMPERATURE**2
    expected = (1 - distillation.SHARE) * of_labels + distillation.SHARE * divergence
    assert float(loss(labels, wrong, images)) == pytest.approx(expected, rel=1e-3)
    same = answers.astype(np.float32)
    assert float(loss(labels, same, images)) == pytest.approx(
        (1 - distillation.SHARE) * float(distillation.label_loss(labels, same)), rel=1e-3
    )


def test_a_taught_training_records_its_teacher_and_resumes_with_the_same_only(
    few: Dataset, teacher: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(at: Progress) -> None:
        if at.doing == "epoch 2 of 2":
            raise KeyboardInterrupt

    folder = ModelFolder(tmp_path / "taught")
    with pytest.raises(TrainingInterrupted):
        train(TAUGHT, few, folder, epochs=2, progress=stop)
    with monkeypatch.context() as other:
        other.setattr(distillation, "teacher_for", lambda *_: None)
        with pytest.raises(TrainingError, match="the recipe 'nano' or its teacher has changed since"):
            train(TAUGHT, few, folder, epochs=2, resume=True)
    done = train(TAUGHT, few, folder, epochs=2, resume=True)
    assert done.card.training is not None
    assert done.card.training.teacher == "teacher"
    alone = train(find_recipe("nano"), few, ModelFolder(tmp_path / "alone"), epochs=2)
    assert alone.card.training is not None
    assert alone.card.training.teacher == ""
    assert sha256(folder.keras) != sha256(alone.folder.keras)


def test_the_long_training_of_a_recipe_is_its_own() -> None:
    for recipe in (recipe for recipe in RECIPES.values() if recipe.ours):
        long = recipe.longer()
        assert (long.name, long.layers, long.long) == (recipe.name, recipe.layers, None)
        assert long.epochs > recipe.epochs


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if not recipe.ours])
def test_a_reference_recipe_has_one_length(name: str) -> None:
    with pytest.raises(RecipeError, match="without --long"):
        find_recipe(name).longer()
