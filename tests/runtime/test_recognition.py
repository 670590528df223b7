"""How a model wants its pixels is found out from its answers, or it is refused."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.data import Dataset
from edgecnn.errors import ExportError
from edgecnn.preprocessing import NAMED, Preprocessing, parse, standardized
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.recognition import Run, choose

GRAY = InputSpec((28, 28), "float32")
COLOR = InputSpec((28, 28, 3), "float32")
CHANNELS_FIRST = InputSpec((3, 28, 28), "float32")


def trained(images: NDArray[np.float32], labels: NDArray[np.int64], steps: int = 200) -> Run:
    """A perceptron of one hidden layer, trained by Adam in float32; it returns logits."""
    draw = np.random.default_rng(0)
    flat = images.reshape(len(images), -1)
    spread = float(flat.std()) * float(np.sqrt(flat.shape[1]))
    initial = [
        draw.normal(0, 1 / spread, (flat.shape[1], 32)),
        np.zeros(32),
        draw.normal(0, 0.3, (32, 10)),
        np.zeros(10),
    ]
    weights: list[NDArray[np.floating]] = [item.astype(np.float32) for item in initial]
    rates = (3e-3 * 20 / spread, 3e-3, 3e-3, 3e-3)
    means, squares = [np.zeros_like(item) for item in weights], [np.zeros_like(item) for item in weights]
    for step in range(1, steps + 1):
        picked = draw.choice(len(flat), 128)
        x, y = flat[picked], labels[picked]
        hidden = np.maximum(x @ weights[0] + weights[1], 0)
        logits = hidden @ weights[2] + weights[3]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(128), y] -= 1
        back = (shares @ weights[2].T) * (hidden > 0)
        slopes = [x.T @ back / 128, back.mean(axis=0), hidden.T @ shares / 128, shares.mean(axis=0)]
        for at, slope in enumerate(slopes):
            means[at] = 0.9 * means[at] + 0.1 * slope
            squares[at] = 0.99 * squares[at] + 0.01 * slope**2
            bias = float(np.sqrt(1 - 0.99**step)) / (1 - 0.9**step)
            weights[at] = weights[at] - rates[at] * bias * means[at] / (np.sqrt(squares[at]) + 1e-8)

    def run(batch: NDArray[np.float32]) -> NDArray[np.floating]:
        hidden = np.maximum(batch.reshape(len(batch), -1) @ weights[0] + weights[1], 0)
        scores: NDArray[np.floating] = hidden @ weights[2] + weights[3]
        return scores

    return run


def learned(dataset: Dataset, spec: InputSpec, how: Preprocessing) -> Run:
    return trained(replace(spec, preprocessing=how).prepare(dataset.train.images), dataset.train.labels)


@pytest.fixture(scope="module")
def gray(mnist: Dataset) -> Dataset:
    return replace(mnist, train=mnist.train.sample(3000, 1))


@pytest.fixture(scope="module")
def color(gray: Dataset) -> Dataset:
    """Digits of a blue ink on a reddish ground, so that the order of the channels shows."""

    def colored(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.stack([images // 4 + 60, images // 2, images], axis=-1)

    splits = {name: getattr(gray, name) for name in ("train", "validation", "test")}
    return replace(gray, **{name: replace(split, images=colored(split.images)) for name, split in splits.items()})


@pytest.mark.parametrize("name", ["0..1", "0..255", "-1..1", "-0.5..0.5", "mnist"])
def test_a_gray_model_gets_its_pixels_as_it_was_trained(name: str, gray: Dataset) -> None:
    found = choose(learned(gray, GRAY, NAMED[name]), GRAY, gray, "model")
    assert found.scores == "logits"
    expected, prepared = (
        replace(GRAY, preprocessing=how).prepare(gray.test.images[:100]) for how in (NAMED[name], found.preprocessing)
    )
    np.testing.assert_allclose(prepared, expected, atol=0.01 * np.ptp(expected))


@pytest.mark.parametrize(
    ("name", "spec"), [("imagenet", COLOR), ("caffe", COLOR), ("0..1", COLOR), ("caffe", CHANNELS_FIRST)]
)
def test_a_color_model_gets_its_pixels_as_it_was_trained(name: str, spec: InputSpec, color: Dataset) -> None:
    found = choose(learned(color, spec, NAMED[name]), spec, color, "model")
    assert found.preprocessing == NAMED[name]


def test_the_order_of_the_channels_is_found_where_it_matters(color: Dataset) -> None:
    how = Preprocessing(NAMED["0..1"].scale * 3, (0.0,) * 3, bgr=True)
    assert choose(learned(color, COLOR, how), COLOR, color, "model").preprocessing == how


def test_numbers_that_no_name_has_are_found_by_the_data(gray: Dataset) -> None:
    odd = parse("0.1313/0.3090")
    found = choose(learned(gray, GRAY, odd), GRAY, gray, "model")
    assert found.preprocessing.range == pytest.approx(odd.range, abs=0.05)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_a_mean_without_a_deviation_is_found_by_the_data(scale: float, gray: Dataset) -> None:
    how = standardized((0.1313,), (1 / scale,))
    found = choose(learned(gray, GRAY, how), GRAY, gray, "model")
    assert found.preprocessing.range == pytest.approx(how.range, abs=0.01 * scale)


def test_a_way_that_is_none_of_those_tried_is_not_replaced_by_the_nearest(gray: Dataset) -> None:
    with pytest.raises(ExportError, match="darker"):
        choose(learned(gray, GRAY, parse("0.286/0.353")), GRAY, gray, "model")


def test_a_model_that_has_learned_nothing_of_these_images_is_refused(gray: Dataset) -> None:
    weights = np.random.default_rng(0).normal(0, 0.05, (784, 10))
    with pytest.raises(ExportError, match="--preprocess"):
        choose(lambda batch: batch.reshape(len(batch), -1) @ weights, GRAY, gray, "model")


def test_a_model_without_a_clear_best_is_refused(gray: Dataset) -> None:
    run = learned(gray, GRAY, NAMED["0..1"])
    few = replace(gray, validation=gray.validation.sample(12, 0))
    with pytest.raises(ExportError, match="--preprocess"):
        choose(run, GRAY, few, "model")


def test_a_little_less_loss_does_not_decide(gray: Dataset) -> None:
    """The model is not sure enough of itself, so that it does a little better with more contrast."""
    run = learned(gray, GRAY, NAMED["-0.5..0.5"])
    with pytest.raises(ExportError, match="--preprocess"):
        choose(lambda batch: 0.6 * run(batch), GRAY, gray, "model")


def test_a_model_that_is_not_sure_of_itself_is_not_given_another_way(gray: Dataset) -> None:
    """With more contrast it is surer, and so its loss is less, but it knows no more."""
    run = learned(gray, GRAY, NAMED["0..1"])
    with pytest.raises(ExportError, match="--preprocess"):
        choose(lambda batch: 0.35 * run(batch), GRAY, gray, "model")


def test_a_model_that_does_not_mind_is_accepted(gray: Dataset) -> None:
    """A network that standardizes each image itself answers the same for each scale."""
    run = learned(gray, GRAY, NAMED["mnist"])

    def standardizing(batch: NDArray[np.float32]) -> NDArray[np.floating]:
        flat = batch.reshape(len(batch), -1)
        return run((flat - flat.mean(axis=1, keepdims=True)) / flat.std(axis=1, keepdims=True))

    assert choose(standardizing, GRAY, gray, "model").preprocessing in NAMED.values()
