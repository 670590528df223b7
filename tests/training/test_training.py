"""Training for real, on a few thousand of MNIST's images."""

import csv
import io
import json
import re
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import h5py
import numpy as np
import pytest
from PIL import Image

from edgecnn.data import Dataset, load
from edgecnn.data.dataset import make_dataset
from edgecnn.errors import (
    DataError,
    MissingDependencyError,
    OutputError,
    TrainingDiverged,
    TrainingError,
    TrainingInterrupted,
)
from edgecnn.files import sha256
from edgecnn.folder import ModelFolder
from edgecnn.layers import Augmentation, Conv, Dense, Dropout, GlobalPool, Output, Pool, Separable
from edgecnn.plots import pictures
from edgecnn.progress import Progress
from edgecnn.recipes import RECIPES, find_recipe
from edgecnn.training import networks, temperature_scaling, trainer
from edgecnn.training.augment import augment
from edgecnn.training.backend import keras, tensorflow
from edgecnn.training.checkpoint import Run
from edgecnn.training.schedule import learning_rate
from edgecnn.training.train import train
from edgecnn.training.trainer import Trainer, mean_cross_entropy

pytestmark = pytest.mark.tensorflow
# Dropout has a random state of its own, which a resumed training must find again.
WITH_DROPOUT = replace(
    find_recipe("notebook-3x3"),
    layers=(Conv(8, 3, padding="valid"), Pool(), Dropout(0.25), Dense(32), Dropout(0.5), Output()),
    batch_size=64,
)


@pytest.fixture(scope="module")
def few() -> Dataset:
    """360 training images: 330 and 30 for validation, and MNIST's first 500 test images."""
    mnist = load(limit=360)
    return replace(mnist, test=replace(mnist.test, images=mnist.test.images[:500], labels=mnist.test.labels[:500]))


@pytest.fixture(scope="module")
def first_epoch(few: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an interrupted training has left: the first epoch of two of `edge`, with the seed 1. Do not change it."""

    def stop(at: Progress) -> None:
        if at.doing == "epoch 2 of 2":
            raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("first epoch")
    with pytest.raises(TrainingInterrupted):
        train(find_recipe("edge"), few, ModelFolder(folder), epochs=2, seed=1, progress=stop)
    return folder


@pytest.fixture
def interrupted(first_epoch: Path, tmp_path: Path) -> ModelFolder:
    """A copy of the interrupted training."""
    return ModelFolder(Path(shutil.copytree(first_epoch, tmp_path / "interrupted")))


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training would draw for seconds what tests/plots look at, and the test of the folder below once."""
    monkeypatch.setattr(pictures, "write", lambda *_: None)


def weights(folder: ModelFolder) -> list[np.ndarray]:
    return [np.asarray(w) for w in keras("a test").models.load_model(folder.keras).get_weights()]


def same(left: list[np.ndarray], right: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def test_a_short_training_learns(exported: ModelFolder) -> None:
    card = exported.card()
    assert card is not None
    assert card.test is not None
    assert card.test.images == 10_000
    assert card.test.value > 0.8
    assert card.parameters == 26_778


def test_the_folder_holds_model_card_history_and_curves(exported: ModelFolder) -> None:
    with exported.history.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])
    assert Image.open(exported.curves).size == (1200, 480)
    assert json.loads(exported.card_path.read_text())["training"]["limit"] == 2400
    assert not exported.checkpoint.exists()


def test_the_saved_model_holds_no_optimizer(exported: ModelFolder) -> None:
    with zipfile.ZipFile(exported.keras) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as stored:
        groups = list(stored)
    assert "layers" in groups
    assert "optimizer" not in groups


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_resumed_or_not(few: Dataset, tmp_path: Path) -> None:
    whole, again, broken = (ModelFolder(tmp_path / name) for name in ("whole", "again", "broken"))
    train(WITH_DROPOUT, few, whole, epochs=3, seed=5)
    train(WITH_DROPOUT, few, again, epochs=3, seed=5)
    assert same(weights(whole), weights(again))

    def stop_in_epoch_two(at: Progress) -> None:
        if at.doing == "epoch 2 of 3" and at.done % (at.steps // 3) == 3:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted, match=r"epoch 1 of 3 is kept in .*broken: add --resume"):
        train(WITH_DROPOUT, few, broken, epochs=3, seed=5, progress=stop_in_epoch_two)
    assert broken.checkpoint.exists()
    assert not broken.keras.exists()
    resumed = train(WITH_DROPOUT, few, broken, epochs=3, seed=5, resume=True)
    assert [epoch.number for epoch in resumed.epochs] == [1, 2, 3]
    assert same(weights(whole), weights(broken))
    assert not broken.checkpoint.exists()


def test_another_seed_gives_other_weights(few: Dataset, tmp_path: Path) -> None:
    folders = [ModelFolder(tmp_path / str(seed)) for seed in (1, 2)]
    for seed, folder in enumerate(folders, start=1):
        train(WITH_DROPOUT, few, folder, epochs=1, seed=seed)
    assert not same(weights(folders[0]), weights(folders[1]))


def test_ctrl_c_in_the_first_epoch_says_that_nothing_was_kept(few: Dataset, tmp_path: Path) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted, match="nothing was kept"):
        train(find_recipe("edge"), few, ModelFolder(tmp_path), epochs=2, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_resume_without_a_checkpoint_is_refused(few: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no unfinished training"):
        train(find_recipe("edge"), few, ModelFolder(tmp_path / "model"), resume=True)
    assert list(tmp_path.iterdir()) == []


def test_resume_of_another_run_is_refused(few: Dataset, interrupted: ModelFolder) -> None:
    with pytest.raises(TrainingError, match="seed was 1, now 2"):
        train(find_recipe("edge"), few, interrupted, epochs=2, seed=2, resume=True)


def test_resume_names_the_recipe_and_the_data_of_both(few: Dataset, interrupted: ModelFolder) -> None:
    """`notebook-3x3` has other arrays than `edge`: the checkpoint must not be taken for a damaged one."""
    other = replace(few, name="other", sha256="ab")
    for recipe, data, told in (
        ("notebook-3x3", few, "recipe was edge, now notebook-3x3"),
        ("edge", other, "dataset was mnist, now other, data_sha256 was .*, now ab"),
    ):
        with pytest.raises(TrainingError, match=rf"belongs to another training: {told}; give the same options, or"):
            train(find_recipe(recipe), data, interrupted, epochs=2, seed=1, resume=True)
    with pytest.raises(TrainingError, match="augment was True, now False"):
        train(find_recipe("edge"), few, interrupted, epochs=2, seed=1, augment=False, resume=True)


def test_a_changed_recipe_of_the_same_name_does_not_resume(few: Dataset, interrupted: ModelFolder) -> None:
    with pytest.raises(TrainingError, match="the recipe 'edge' or its teacher has changed since; train without"):
        train(replace(find_recipe("edge"), learning_rate=0.02), few, interrupted, epochs=2, seed=1, resume=True)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed: int, few: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot train with the seed"):
        train(find_recipe("edge"), few, ModelFolder(tmp_path / "model"), seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_no_training_begins(few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingDependencyError, match="training needs matplotlib"):
        train(find_recipe("edge"), few, ModelFolder(tmp_path / "model"), progress=lambda _: pytest.fail("it began"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "seen", "told"),
    [
        (KeyboardInterrupt(), TrainingInterrupted, "epoch 1 of 1 is kept in .*: add --resume"),
        pytest.param(
            *(OSError(28, "No space left on device"), OutputError),
            "No space left on device; free some .* add --resume",
            marks=pytest.mark.long,
        ),
        pytest.param(ZeroDivisionError("a bug"), ZeroDivisionError, "a bug", marks=pytest.mark.long),
    ],
    ids=["interrupted", "disk full", "bug"],
)
def test_whatever_stops_the_last_step_leaves_the_earlier_model_whole(
    error: BaseException, seen: type[BaseException], told: str, few: Dataset, tmp_path: Path
) -> None:
    """The earlier model, its exports and its card stay until the new model is complete, which --resume makes it."""
    folder = ModelFolder(tmp_path)
    train(find_recipe("nano"), few, folder, epochs=1)
    folder.onnx("float32").write_bytes(b"of the earlier model")
    before = contents(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "write", lambda *_: fail(error))
        with pytest.raises(seen, match=told):
            train(find_recipe("edge"), few, folder, epochs=1)
    assert {name: content for name, content in contents(tmp_path).items() if name != "checkpoint.npz"} == before
    resumed = train(find_recipe("edge"), few, folder, epochs=1, resume=True)
    card = folder.card()
    assert card == resumed.card
    assert card.name == "edge"
    assert card.original_sha256 == sha256(folder.keras)
    assert folder.undescribed(card) == ()
    assert set(contents(tmp_path)) == set(before) - {"model.onnx"}


def contents(path: Path) -> dict[str, bytes]:
    return {str(item.relative_to(path)): item.read_bytes() for item in path.rglob("*") if item.is_file()}


def fail(error: BaseException) -> NoReturn:
    raise error


def test_weights_that_are_not_finite_end_the_training(few: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ReLU can hide an infinite weight from the loss."""
    training = Trainer(find_recipe("edge"), few, Run("edge", "mnist", "", 2, 0, None))
    training.epoch([], lambda _: None)
    dead = training.optimizer.variables[-1]
    dead.assign(np.full(dead.shape, np.inf, np.float32))
    monkeypatch.setattr(Trainer, "_fit", lambda *_: (1.0, 1))
    with pytest.raises(TrainingDiverged, match="not finite after epoch 1"):
        training.epoch([], lambda _: None)


def test_no_epochs_are_refused(few: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot train for 0 epochs"):
        train(find_recipe("edge"), few, ModelFolder(tmp_path / "model"), epochs=0)
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_diverges_at_once_keeps_nothing(few: Dataset, tmp_path: Path) -> None:
    wild = replace(find_recipe("edge"), learning_rate=1e30, schedule="constant", batch_size=100)
    with pytest.raises(
        TrainingDiverged, match=r"the loss of step \d of epoch 1 is (nan|inf): .* nothing was kept; try"
    ):
        train(wild, few, ModelFolder(tmp_path), epochs=2)
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_diverges_keeps_the_last_good_epoch(
    few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, recipe, steps = ModelFolder(tmp_path), replace(find_recipe("edge"), batch_size=128), 3
    monkeypatch.setattr(trainer, "learning_rate", lambda *at: 1e30 if at[2] >= 2 * steps else 1e-3)
    with pytest.raises(TrainingDiverged, match=r"of epoch 3 is (nan|inf): .* holds the model of epoch 2; try another"):
        train(recipe, few, folder, epochs=4)
    card = folder.card()
    assert card is not None
    assert card.training is not None
    assert card.training.epochs == 2
    assert all(np.isfinite(array).all() for array in weights(folder))
    assert not folder.checkpoint.exists()


def test_fewer_images_than_a_batch_train(few: Dataset, tmp_path: Path) -> None:
    tiny = load(limit=24)
    trained = train(find_recipe("edge"), replace(tiny, test=few.test), ModelFolder(tmp_path), epochs=2)
    assert trained.card.training is not None
    assert trained.card.training.batch_size == 22


def test_labels_that_skip_numbers_train_and_are_named_in_the_model(few: Dataset, tmp_path: Path) -> None:
    pair = few.train.images, few.train.labels % 3 * 10 + 5
    trained = train(find_recipe("edge"), make_dataset("gaps", pair, pair), ModelFolder(tmp_path), epochs=1)
    assert trained.card.labels == ("5", "15", "25")
    assert trained.confusion.counts.shape == (3, 3)


def test_a_damaged_checkpoint_is_refused(few: Dataset, interrupted: ModelFolder) -> None:
    interrupted.checkpoint.write_bytes(interrupted.checkpoint.read_bytes()[:5000])
    with pytest.raises(TrainingError, match=r"checkpoint\.npz is damaged"):
        train(find_recipe("edge"), few, interrupted, epochs=2, seed=1, resume=True)


def test_training_again_removes_the_exports_of_the_earlier_model(few: Dataset, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    folder.onnx("float32").write_bytes(b"of an earlier model")
    trained = train(find_recipe("edge"), few, folder, epochs=1)
    assert trained.removed == (folder.onnx("float32"),)
    assert not folder.onnx("float32").exists()


def test_tensorboard_logs_hold_an_event_for_each_epoch(few: Dataset, tmp_path: Path) -> None:
    train(find_recipe("edge"), few, ModelFolder(tmp_path / "model"), epochs=2, tensorboard=tmp_path / "logs")
    (log,) = (tmp_path / "logs").iterdir()
    steps = {
        event.step for event in tensorflow("a test").compat.v1.train.summary_iterator(str(log)) if event.summary.value
    }
    assert steps == {1, 2}


def test_progress_counts_steps_and_carries_the_last_epoch(few: Dataset, tmp_path: Path) -> None:
    seen: list[Progress] = []
    recipe = replace(find_recipe("edge"), batch_size=128)
    train(recipe, few, ModelFolder(tmp_path), epochs=2, progress=seen.append)
    assert [(at.doing, at.done, at.steps) for at in seen] == [
        (f"epoch {1 + done // 3} of 2", done + 1, 6) for done in range(6)
    ]
    assert re.fullmatch(r"loss \d\.\d{4}", seen[0].figures)
    assert re.fullmatch(r"loss \d\.\d{4}  validation \d+\.\d\d%", seen[3].figures)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds_as_it_is_described(name: str) -> None:
    recipe = RECIPES[name]
    model = networks.build(recipe, (28, 28), 10)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Conv2D") == sum(isinstance(layer, Conv) for layer in recipe.layers)
    assert kinds.count("MaxPooling2D") == sum(isinstance(layer, Pool) for layer in recipe.layers)
    assert kinds.count("SeparableConv2D") == sum(isinstance(layer, Separable) for layer in recipe.layers)
    assert kinds.count("GlobalAveragePooling2D") == sum(isinstance(layer, GlobalPool) for layer in recipe.layers)
    assert kinds.count("Dense") == sum(isinstance(layer, Dense | Output) for layer in recipe.layers)
    assert kinds[-1] == "Softmax"
    assert (model.input.dtype, model.input.shape, model.output.shape) == ("uint8", (None, 28, 28), (None, 10))


def test_initial_weights_follow_the_recipe() -> None:
    keras("a test").utils.set_random_seed(0)
    conv = next(layer for layer in networks.build(RECIPES["adventures"], (28, 28), 10).layers if "conv" in layer.name)
    kernel, bias = conv.get_weights()
    assert np.abs(kernel).max() < 2 * 0.03 * 1.001  # truncated at two standard deviations
    assert 0.02 < kernel.std() < 0.03
    assert np.abs(bias).max() > 0.06
    wide = next(layer for layer in networks.build(RECIPES["opengenus"], (28, 28), 10).layers if "conv" in layer.name)
    assert 0.9 < wide.get_weights()[0].std() < 1.1


def test_images_too_small_for_the_pools_are_refused() -> None:
    with pytest.raises(DataError, match=r"3×3 pixels are too small for recipe 'notebook-3x3'"):
        networks.build(RECIPES["notebook-3x3"], (3, 3), 10)


def test_color_images_and_many_classes_train(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 25
    images = rng.integers(0, 256, (60, 20, 24, 3), np.uint8)
    data = make_dataset("noise", (images, labels), (images, labels))
    trained = train(find_recipe("edge"), data, ModelFolder(tmp_path), epochs=1)
    assert trained.card.input_shape == (20, 24, 3)
    assert len(trained.card.labels) == 25


def test_distortion_without_bounds_changes_nothing_and_is_the_same_for_a_seed(mnist: Dataset) -> None:
    images = tensorflow("a test").constant(mnist.test.images[:16])
    none, some = Augmentation(), Augmentation(0.2, 0.12, 2 / 28, 0.1, 0.03, 0.5, 0.5, 0.5)
    assert np.array_equal(augment(images, none, [0, 1]), images)
    first = np.asarray(augment(images, some, [0, 1]))
    assert first.dtype == np.uint8
    assert np.array_equal(first, augment(images, some, [0, 1]))
    assert not np.array_equal(first, augment(images, some, [0, 2]))


def test_distortion_moves_a_dot_within_its_bounds() -> None:
    dots = np.zeros((200, 28, 28), np.uint8)
    dots[:, 13:15, 13:15] = 255  # about the center, which rotation and scale leave in place
    moved = np.asarray(
        augment(tensorflow("a test").constant(dots), Augmentation(0.2, 0.12, 2 / 28), [0, 0]), np.float64
    )
    rows, columns = np.mgrid[:28, :28]
    total = moved.sum(axis=(1, 2))
    shifts = [(moved * axis).sum(axis=(1, 2)) / total - 13.5 for axis in (rows, columns)]
    for shift in shifts:
        assert 1.5 < np.abs(shift).max() < 2.2
        assert abs(shift.mean()) < 0.3


def test_light_leaves_a_tenth_of_the_contrast_at_least_and_nothing_out_of_range() -> None:
    images = np.zeros((500, 8, 8), np.uint8)
    images[:, 4:] = 255
    lit = np.asarray(augment(tensorflow("a test").constant(images), Augmentation(light=0.6), [0, 0]), np.float64)
    changed = (lit != images).any(axis=(1, 2))
    assert 0.5 < changed.mean() < 0.7
    contrast = (lit[:, 4] - lit[:, 3]).mean(axis=1)
    assert 5 < contrast.min() < 80  # an uneven ground may fall where the ink rises
    grounds = lit[changed, 0].mean(axis=1)
    assert (grounds.min() < 20, grounds.max() > 150) == (True, True)


def test_noise_and_blur_change_their_share_of_the_images(mnist: Dataset) -> None:
    images = mnist.test.images[:400]
    for how in (Augmentation(noise=0.25), Augmentation(blur=0.25)):
        changed = np.asarray(augment(tensorflow("a test").constant(images), how, [0, 3])) != images
        assert 0.18 < changed.any(axis=(1, 2)).mean() < 0.32


@pytest.mark.parametrize("color", [False, True])
def test_a_filter_changes_its_share_of_the_images_and_keeps_their_brightest_value(color: bool, mnist: Dataset) -> None:
    images = mnist.test.images[:400]
    images = np.repeat(images[..., None], 3, axis=3) if color else images
    changed = augment(tensorflow("a test").constant(images), Augmentation(filter=0.25), (0, 1)).numpy()
    differs = (changed != images).reshape(len(images), -1).any(axis=1)
    assert 60 < differs.sum() < 140
    brightest = images.reshape(len(images), -1).max(axis=1)
    assert (changed.reshape(len(images), -1).max(axis=1) == brightest).all()


def test_blur_keeps_the_ink_and_spreads_it() -> None:
    dots = np.zeros((200, 28, 28), np.uint8)
    dots[:, 14, 14] = 255
    blurred = np.asarray(augment(tensorflow("a test").constant(dots), Augmentation(blur=1.0), [0, 0]), np.float64)
    assert blurred[:, 14, 14].min() < 40
    np.testing.assert_allclose(blurred.sum(axis=(1, 2)), 255, atol=45)  # rounding, of 81 pixels


def test_shear_moves_what_is_above_against_what_is_below() -> None:
    bars = np.zeros((200, 28, 28), np.uint8)
    bars[:, :, 13:15] = 255
    moved = np.asarray(augment(tensorflow("a test").constant(bars), Augmentation(shear=0.2), [0, 0]), np.float64)
    middle = (moved * np.arange(28)).sum(axis=2) / moved.sum(axis=2) - 13.5
    assert 0.18 * 20 < np.abs(middle[:, 23] - middle[:, 3]).max() <= 0.2 * 20
    np.testing.assert_allclose(middle[:, 3], -middle[:, 24], atol=0.02)


def test_bending_moves_neighbors_alike_and_each_image_by_its_own_draw() -> None:
    dots = np.zeros((300, 28, 28), np.uint8)
    dots[:, 14, 8] = dots[:, 14, 10] = dots[:, 14, 20] = 255
    bent = np.asarray(augment(tensorflow("a test").constant(dots), Augmentation(elastic=1 / 28), [0, 0]), np.float64)
    rows = np.arange(9, 20)[:, None]
    near, also_near, far = (
        (bent[:, 9:20, at - 3 : at + 4] * rows).sum(axis=(1, 2)) / bent[:, 9:20, at - 3 : at + 4].sum(axis=(1, 2)) - 14
        for at in (8, 10, 20)
    )
    assert 0.4 < near.std() < 1.2
    assert abs(near.mean()) < 0.2
    assert np.corrcoef(near, also_near)[0, 1] > 0.9
    assert abs(np.corrcoef(near, far)[0, 1]) < 0.5


@pytest.mark.parametrize(("size", "kernel", "stride"), [(28, 5, 2), (32, 5, 2), (20, 5, 1), (8, 5, 1), (96, 15, 7)])
def test_our_recipes_fit_their_stem_to_the_images(size: int, kernel: int, stride: int) -> None:
    model = networks.build(find_recipe("edge"), (size, size + 4, 3), 7)
    stem = next(layer for layer in model.layers if "conv" in layer.name)
    assert (stem.kernel_size[0], stem.strides[0]) == (kernel, stride)
    assert model.count_params() < 60_000


def test_a_published_recipe_keeps_its_stem() -> None:
    recipe = find_recipe("adventures")
    assert recipe.layers_for((96, 96)) == recipe.layers


def test_batch_norm_that_is_folded_leaves_the_answers_and_fewer_parameters(few: Dataset) -> None:
    training = Trainer(find_recipe("pico"), few, Run("pico", "mnist", "", 3, 0, 360))
    for _ in range(2):  # training changes the means and variances that batch norm starts with
        training.epoch([], lambda _: None)
    model = training.finished()
    logits = np.asarray(networks.logits_of(model)(few.test.images), np.float64)
    np.testing.assert_allclose(logits, training.evaluate(few.test), atol=1e-4)
    assert not [layer for layer in model.layers if "BatchNormalization" in type(layer).__name__]
    assert model.count_params() <= 700


def test_validation_loss_is_the_mean_cross_entropy(few: Dataset) -> None:
    untrained = Trainer(find_recipe("edge"), few, Run("edge", "mnist", "", 1, 0, 360))
    loss, score = mean_cross_entropy(untrained.evaluate(few.test), few.test)
    probabilities = np.asarray(untrained.finished()(few.test.images), np.float64)
    assert loss == pytest.approx(-np.log(probabilities[np.arange(500), few.test.labels]).mean(), rel=1e-4)
    assert score.correct == (probabilities.argmax(axis=1) == few.test.labels).sum()


@pytest.mark.parametrize(("clean", "epochs", "taken"), [(True, 1, True), (True, 2, False), (False, 1, False)])
def test_clean_statistics_are_of_the_training_images_as_they_are(
    few: Dataset, clean: bool, epochs: int, taken: bool
) -> None:
    recipe = replace(find_recipe("edge"), recalibrate_batch_norm=clean)
    trained = Trainer(recipe, few, Run("edge", "mnist", "", epochs, 0, 360))
    trained.epoch([], lambda _: None)
    model = trained.finished()
    norm = next(layer for layer in model.layers if isinstance(layer, keras("a test").layers.BatchNormalization))
    seen = np.asarray(keras("a test").Model(model.input, norm.input)(few.train.images)).reshape(-1, 16)
    agree = (
        np.allclose(norm.moving_mean, seen.mean(axis=0), atol=1e-5),
        np.allclose(norm.moving_variance, seen.var(axis=0), rtol=0.05),
    )
    assert agree == (taken, taken)


def test_one_cycle_rises_to_its_peak_then_falls_to_zero() -> None:
    rates = [learning_rate("one-cycle", 0.01, step, 1000) for step in range(1000)]
    assert max(rates) == pytest.approx(0.01)
    assert rates.index(max(rates)) == 250
    assert rates[0] == pytest.approx(0.0004)
    assert rates[-1] < 1e-6
    assert rates[:251] == sorted(rates[:251])
    assert rates[250:] == sorted(rates[250:], reverse=True)


def test_a_constant_rate_stays() -> None:
    assert {learning_rate("constant", 0.1, step, 10) for step in range(10)} == {0.1}


def test_the_fused_norm_trains_as_kerass_own_does(few: Dataset) -> None:
    """The same statistics move the same way, up to float32's rounding and the variance's n - 1."""
    images, outputs, weights = few.train.images[:64], [], []
    for batch_norm in (None, networks.fused_batch_norm()):
        keras("a test").utils.set_random_seed(3)
        model = networks.build(find_recipe("edge"), (28, 28), 10, batch_norm=batch_norm)
        outputs.append(np.asarray(networks.logits_of(model)(images, training=True)))
        weights.append(model.get_weights())
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-3, atol=1e-3)
    for plain, fused in zip(*weights, strict=True):
        np.testing.assert_allclose(plain, fused, rtol=1e-3, atol=1e-4)


def test_the_temperature_is_the_one_that_the_logits_were_multiplied_by() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 10))
    odds = np.exp(logits)
    labels = (rng.random((20_000, 1)) > np.cumsum(odds / odds.sum(1, keepdims=True), axis=1)).sum(axis=1)
    assert temperature_scaling.fitted(3 * logits, labels) == pytest.approx(3, rel=0.04)
    assert temperature_scaling.fitted(logits / 2, labels) == pytest.approx(0.5, rel=0.04)


def test_a_folded_temperature_divides_the_logits_and_changes_no_label(few: Dataset) -> None:
    model = networks.build(find_recipe("edge"), (28, 28), 10)
    before = np.asarray(networks.logits_of(model)(few.test.images[:50]))
    temperature_scaling.fold(model, 2.0)
    np.testing.assert_allclose(networks.logits_of(model)(few.test.images[:50]), before / 2, rtol=1e-5, atol=1e-6)
