"""The pictures of a network: made for every kind of data and network, opened, and asked for what is on them."""

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecnn.card import Epoch
from edgecnn.data import Dataset, Split
from edgecnn.errors import MissingDependencyError
from edgecnn.folder import ModelFolder
from edgecnn.layers import Conv, Dense, Output, Pool
from edgecnn.plots import curves, drawing, filters, pictures
from edgecnn.plots.feature_maps import first_kernels, views
from edgecnn.plots.layout import Page, fitted, magnitude
from edgecnn.recipes import Recipe, find_recipe
from edgecnn.training import networks
from edgecnn.training.backend import keras

pytestmark = pytest.mark.tensorflow
DIGITS = tuple("0123456789")
ODD = (r"$\frac$", "x_1", "$a$ or $b$", "a\nb", "a label of a good many words", "%", "日本語", "{}", "", "\\")
# A network of their own: the recipes may change.
CONVOLVED = Recipe(
    "convolved",
    "",
    "",
    (
        Conv(16, 5, stride=2, batch_norm=True),
        Conv(32, 3, batch_norm=True),
        Pool(),
        Conv(64, 3, batch_norm=True),
        Pool(),
        Output(),
    ),
    1e-3,
    10,
    1,
)
FLAT = Recipe("flat", "", "", (Dense(300), Dense(12), Output()), 1e-3, 10, 1)


@dataclass
class Hung:
    """What a page was given to show."""

    titles: list[str]
    headings: list[tuple[str, str]]
    images: list[tuple[NDArray[Any], list[str]]]


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Hung:
    seen = Hung([], [], [])
    begin, heading, images = Page.__init__, Page.heading, Page.images

    def begins(page: Page, title: str, purpose: str) -> None:
        seen.titles.append(title)
        begin(page, title, purpose)

    def heads(page: Page, words: str, note: str = "") -> None:
        seen.headings.append((words, note))
        heading(page, words, note)

    def hangs(page: Page, pixels: NDArray[Any], size: Any, scale: Any, captions: Any = ()) -> None:
        seen.images.append((pixels, list(captions)))
        images(page, pixels, size, scale, captions)

    monkeypatch.setattr(Page, "__init__", begins)
    monkeypatch.setattr(Page, "heading", heads)
    monkeypatch.setattr(Page, "images", hangs)
    return seen


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """The pictures are drawn without a word on stderr; what TensorFlow says while it is loaded is not theirs."""
    keras("a test")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def network(recipe: str | Recipe, shape: tuple[int, ...] = (28, 28), classes: int = 10) -> Any:
    keras("a test").utils.set_random_seed(0)
    return networks.build(find_recipe(recipe) if isinstance(recipe, str) else recipe, shape, classes)


def answered(labels: NDArray[np.int64], classes: int, wrong: int) -> NDArray[np.float32]:
    """Probabilities whose first `wrong` answers are wrong by one, each more confident than the one before."""
    answers = labels.copy()
    answers[:wrong] = (answers[:wrong] + 1) % classes
    peak = np.linspace(0.6, 0.9, len(labels))
    rest = (1 - peak)[:, None] / (classes - 1)
    return np.where(np.arange(classes) == answers[:, None], peak[:, None], rest).astype(np.float32)


def noise(shape: tuple[int, ...], classes: int, images: int = 150) -> Split:
    pixels = np.random.default_rng(0).integers(0, 256, (images, *shape), np.uint8)
    return Split("test", pixels, np.arange(images) % classes)


def opened(folder: ModelFolder) -> list[NDArray[np.uint8]]:
    """The three pictures' pixels, uint8 [height, width, 3]."""
    return [np.asarray(Image.open(path).convert("RGB")) for path in (folder.confusion, folder.errors, folder.filters)]


@pytest.mark.parametrize(
    ("recipe", "shape", "labels", "wrong"),
    [
        ("edge", (28, 28), DIGITS, 7),
        ("edge", (20, 24, 3), tuple(f"breed {number}" for number in range(30)), 100),
        ("notebook-5x5", (28, 28), ("no", "yes"), 1),
        ("adventures", (28, 28), ODD, 60),
        ("three-conv", (9, 40, 3), ("a", "b", "c"), 0),
        ("edge", (8, 8), tuple(map(str, range(120))), 5),
    ],
)
def test_every_kind_of_data_is_drawn(
    recipe: str, shape: tuple[int, ...], labels: tuple[str, ...], wrong: int, tmp_path: Path
) -> None:
    split, folder = noise(shape, len(labels)), ModelFolder(tmp_path)
    probabilities = answered(split.labels, len(labels), wrong)
    pictures.write(folder, network(recipe, shape, len(labels)), split, probabilities, labels, "a $title$")
    confused, errors, seen = opened(folder)
    side = (960, 960) if len(labels) <= 20 else (1080, 1200)
    assert confused.shape[:2] == side
    assert errors.shape[1] == seen.shape[1] == 1500
    assert all(100 < picture.shape[0] < 3000 and picture.std() > 5 for picture in (confused, errors, seen))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["confusion.png", "errors.png", "filters.png"]


def test_a_network_that_diverged_is_drawn(tmp_path: Path) -> None:
    model, split = network("edge", (20, 20, 3), 2), noise((20, 20, 3), 2)
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    pictures.write(ModelFolder(tmp_path), model, split, np.full((150, 2), np.nan, np.float32), ("a", "b"), "lost")
    assert len(opened(ModelFolder(tmp_path))) == 3


def orange(picture: NDArray[np.uint8]) -> int:
    red, _, blue = picture.astype(int).transpose(2, 0, 1)
    return int(np.sum(red > blue + 50))


def test_settings_of_matplotlib_start_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may lie in the working folder, as `matplotlibrc`; with this one, LaTeX draws the texts."""
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "text.usetex", True)
    monkeypatch.setenv("PATH", "")
    epoch = Epoch(**dict.fromkeys((item.name for item in fields(Epoch)), 1))
    curves.draw(tmp_path / "curves.png", [epoch, epoch], "title")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (1200, 480)
    assert matplotlib.rcParams["text.usetex"] is True  # the user's own stay


def test_a_single_mistake_among_thousands_is_seen(tmp_path: Path) -> None:
    labels, model = np.arange(10_000) % 10, network("edge")
    split = Split("test", np.zeros((10_000, 28, 28), np.uint8), labels)
    areas = []
    for wrong in (0, 1):
        pictures.write(ModelFolder(tmp_path), model, split, answered(labels, 10, wrong), DIGITS, "edge")
        areas.append(orange(opened(ModelFolder(tmp_path))[0]))
    assert areas[0] == 0
    assert areas[1] > 4000  # a cell is some 87 pixels wide


def test_wrong_images_are_shown_with_the_most_confident_first(mnist: Dataset, hung: Hung, tmp_path: Path) -> None:
    split = Split("test", mnist.test.images[:100], mnist.test.labels[:100])
    pictures._draw_errors(tmp_path / "errors.png", split, answered(split.labels, 10, 3), DIGITS, "edge")
    ((images, captions),) = hung.images
    assert np.array_equal(images, split.images[[2, 1, 0]])
    assert captions == ["1 → 2  61 %", "2 → 3  60 %", "7 → 8  60 %"]
    assert hung.titles == ["edge: 3 wrong answers to 100 test images, the most confident first: label → answer"]


@pytest.mark.parametrize(
    ("wrong", "shown", "title"),
    [
        (0, 0, "edge: no wrong answers to 150 test images"),
        (1, 1, "edge: 1 wrong answer to 150 test images: label → answer"),
        (60, 60, "edge: 60 wrong answers to 150 test images, the most confident first: label → answer"),
        (61, 60, "edge: 60 of 61 wrong answers to 150 test images, the most confident first: label → answer"),
    ],
)
def test_the_title_says_how_many_of_the_errors_are_shown(
    wrong: int, shown: int, title: str, hung: Hung, tmp_path: Path
) -> None:
    split, path = noise((28, 28), 10), tmp_path / "errors.png"
    pictures._draw_errors(path, split, answered(split.labels, 10, wrong), DIGITS, "edge")
    assert hung.titles == [title]
    assert len(hung.images[0][0]) == shown
    assert np.asarray(Image.open(path).convert("L")).min() < 50


def test_long_names_take_two_lines_and_do_not_reach_their_neighbors(hung: Hung, tmp_path: Path) -> None:
    split, path = noise((28, 28), 2), tmp_path / "errors.png"
    names = ("WWWWWWWWWWWWWWWWWWWWWWWWW", "a label of a good many words")
    pictures._draw_errors(path, split, answered(split.labels, 2, 100), names, "edge")
    captions = hung.images[0][1]
    assert captions[0] == "a label of a good m… →\nWWWWWWWWWWWWWWWWWWW…  80 %"
    pixels = np.asarray(Image.open(path).convert("L"))
    assert (pixels[60:] == 255).all(axis=0).sum() > 2 * 36 + 5 * 5  # white from top to bottom between the columns


def test_layers_are_seen_with_what_finishes_them() -> None:
    model = network(CONVOLVED)
    image = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    seen = views(model, image)
    assert [view.title for view in seen] == [
        "conv 5×5, stride 2, batch norm, relu → 14×14×16",
        "conv 3×3, batch norm, relu → 14×14×32",
        "max pool 2×2 → 7×7×32",
        "conv 3×3, batch norm, relu → 7×7×64",
        "max pool 2×2 → 3×3×64",
        "dense → 10",
        "softmax → 10",
    ]
    assert [view.values.shape for view in seen[:2]] == [(14, 14, 16), (14, 14, 32)]
    assert all((view.values >= 0).all() for view in seen[:2])  # after the activation
    pooled = seen[1].values.reshape(7, 2, 7, 2, 32).max(axis=(1, 3))
    assert np.array_equal(seen[2].values, pooled)
    assert seen[-1].values == pytest.approx(np.asarray(model(image[None]))[0], abs=1e-6)
    scores = np.exp(seen[-2].values)
    assert seen[-1].values == pytest.approx(scores / scores.sum(), abs=1e-6)


def test_dropout_is_not_mentioned_and_a_dense_layer_names_its_activation() -> None:
    titles = [view.title for view in views(network("notebook-3x3"), np.zeros((28, 28), np.uint8))]
    assert titles[-4:] == ["max pool 2×2 → 12×12×64", "dense, relu → 128", "dense → 10", "softmax → 10"]


def residual() -> Any:
    """What no recipe has: branches, depthwise and oblong convolutions, other pools, a softmax within a layer."""
    layers = keras("a test").layers
    image = layers.Input((32, 24, 3), dtype="uint8")
    x = layers.Conv2D(24, 3, strides=2, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))
    y = layers.BatchNormalization()(layers.Conv2D(24, 1)(layers.Activation("silu")(y)))
    x = layers.SpatialDropout2D(0.1)(layers.ReLU()(layers.Add()([x, y])))
    x = layers.Concatenate()([layers.AveragePooling2D(2)(x), layers.MaxPooling2D(3, strides=2, padding="same")(x)])
    x = layers.LeakyReLU()(layers.Conv2D(4, (3, 1), strides=(2, 1))(x))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras("a test").Model(image, layers.Dense(2, activation="softmax")(x))


def test_layers_that_no_recipe_has_are_seen_too(tmp_path: Path) -> None:
    model, split = residual(), noise((32, 24, 3), 2)
    seen = views(model, split.images[0])
    assert sorted(view.title for view in seen[:-3]) == [
        "add, relu → 16×12×24",
        "average pool 2×2 → 8×6×24",
        "concatenate → 8×6×48",
        "conv 1×1, batch norm → 16×12×24",
        "conv 3×3, stride 2, relu → 16×12×24",
        "depthwise conv 3×3, batch norm, silu → 16×12×24",
        "max pool 3×3, stride 2 → 8×6×24",
    ]
    assert [view.title for view in seen[-3:]] == [
        "conv 3×1, stride 2×1, leaky relu → 3×6×4",
        "global average pool → 4",
        "dense, softmax → 2",
    ]
    pictures.write(ModelFolder(tmp_path), model, split, answered(split.labels, 2, 5), ("a", "b"), "residual")
    assert len(opened(ModelFolder(tmp_path))) == 3


def test_the_first_convolution_gives_its_kernels() -> None:
    model = network("edge", (20, 20, 3))
    kernels = first_kernels(model)
    assert kernels is not None
    assert np.array_equal(kernels, next(layer for layer in model.layers if "conv" in layer.name).get_weights()[0])
    layers = keras("a test").layers
    image = layers.Input((9, 9, 3))
    depthwise = keras("a test").Model(image, layers.Flatten()(layers.DepthwiseConv2D(3, depth_multiplier=2)(image)))
    kernels = first_kernels(depthwise)
    assert kernels is not None
    assert kernels.shape == (3, 3, 1, 6)
    assert np.array_equal(kernels[:, :, 0, 3], depthwise.layers[1].get_weights()[0][:, :, 1, 1])


def test_a_network_without_convolutions_has_no_kernels_to_show(hung: Hung, tmp_path: Path) -> None:
    split = noise((28, 28), 10)
    model = networks.build(FLAT, (28, 28), 10)
    assert first_kernels(model) is None
    filters.draw(tmp_path / "filters.png", model, split, split.labels, DIGITS, "flat")
    assert [words for words, _ in hung.headings] == [
        "input → 28×28",
        "dense, relu → 300",
        "dense, relu → 12",
        "dense → 10",
        "softmax → 10 probabilities",
    ]
    strips = [images.shape for images, _ in hung.images[1:]]
    assert strips == [(1, 2, 150), (12, 1, 1), (10, 1, 1)]
    assert len(hung.images[-1][1]) == 10  # the values below them


def test_notes_say_what_is_left_out_and_what_the_tones_mean(hung: Hung, tmp_path: Path) -> None:
    split = noise((28, 28), 30)
    filters.draw(
        tmp_path / "filters.png",
        network(CONVOLVED, classes=30),
        split,
        split.labels,
        tuple(map(str, range(30))),
        "convolved",
    )
    notes = dict(hung.headings)
    assert notes["first convolution: 16 kernels 5×5"].startswith("black up to −0.")
    assert notes["conv 5×5, stride 2, batch norm, relu → 14×14×16"].startswith("black up to 0, white from ")
    assert notes["conv 3×3, batch norm, relu → 7×7×64"].startswith("16 of 64 channels; black up to 0, white from ")
    assert notes["softmax → 30 probabilities"] == "the 10 most probable; blue: the label"


@pytest.mark.parametrize(("right", "chosen"), [([], 0), ([4, 9], 4)])
def test_the_image_that_is_followed_is_the_first_labeled_right(
    right: list[int], chosen: int, hung: Hung, tmp_path: Path
) -> None:
    split = noise((28, 28), 10)
    answers = (split.labels + 1) % 10
    answers[right] = split.labels[right]
    filters.draw(tmp_path / "filters.png", network("edge"), split, answers, DIGITS, "edge")
    assert np.array_equal(hung.images[1][0], split.images[[chosen]])
    assert hung.headings[1] == ("input → 28×28", f"test image {chosen}, label {chosen}")


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.344, "34 %"), (0.994, "99 %"), (0.9999, ">99 %"), (1.0, "100 %")]
)
def test_per_cent_says_100_of_nothing_less(share: float, text: str) -> None:
    assert drawing.percent(share) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("ankle boot", "ankle boot"), ("US$ 1", r"US\$ 1"), ("a\n b", "a b"), ("x" * 21, "x" * 19 + "…"), ("", "")],
)
def test_a_label_is_drawn_as_it_stands_and_cut_where_it_is_long(name: str, text: str) -> None:
    assert drawing.shortened(name) == text


@pytest.mark.parametrize(
    ("shape", "size"), [((28, 28), (1.0, 1.0)), ((10, 40, 3), (2.0, 0.5)), ((100, 10), (0.1, 1.0))]
)
def test_images_keep_their_proportions(shape: tuple[int, ...], size: tuple[float, float]) -> None:
    assert fitted(np.zeros(shape), 2.0, 1.0) == pytest.approx(size)


@pytest.mark.parametrize(
    ("values", "share", "end"),
    [([-3.0, 2.0], 100, 3.0), ([0.0, 0.0], 100, 1.0), ([np.nan, 2.0], 100, 2.0), ([0.0] * 999 + [5.0], 99, 5.0)],
)
def test_a_scale_has_an_end_above_0(values: list[float], share: float, end: float) -> None:
    assert magnitude(np.array(values), share) == end


def test_without_matplotlib_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split, model = noise((28, 28), 10), network("edge")
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingDependencyError, match=r"needs matplotlib.*pip install 'edgecnn\[train\]'"):
        pictures.write(ModelFolder(tmp_path), model, split, answered(split.labels, 10, 3), DIGITS, "edge")
    assert list(tmp_path.iterdir()) == []
