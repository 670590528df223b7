"""Runs on memory that stays: the same answers, whatever came before and whoever else asks; and streams of pictures."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import pytest
from numpy.typing import NDArray

from edgecnn.data import Dataset
from edgecnn.errors import InputError, ModelError
from edgecnn.runtime.classifier import Classifier

Images = NDArray[np.uint8]


@pytest.fixture
def classifier(tiny: Path) -> Classifier:
    return Classifier(tiny)


@pytest.fixture
def images(mnist: Dataset) -> Images:
    return mnist.test.images[:64]


def one_by_one(call: Any, images: Images) -> NDArray[np.float32]:
    return np.concatenate([call(images[number : number + 1]) for number in range(len(images))])


def test_an_answer_is_the_callers_own(classifier: Classifier, images: Images) -> None:
    first, second = classifier.predict(images[:1]), classifier.predict(images[:1])
    before = second.copy()
    first[...] = second[...] = 7
    np.testing.assert_array_equal(classifier.predict(images[:1]), before)


def test_single_images_get_what_they_get_in_a_new_session(classifier: Classifier, tiny: Path, images: Images) -> None:
    fresh = np.concatenate([Classifier(tiny).run(image[None]) for image in images[:8]])
    np.testing.assert_array_equal(one_by_one(classifier.run, images[:8]), fresh)


def test_batches_of_other_sizes_come_between(classifier: Classifier, images: Images) -> None:
    alone = one_by_one(classifier.run, images[:3])
    classifier.run(images)
    np.testing.assert_array_equal(one_by_one(classifier.run, images[:3]), alone)


@pytest.mark.parametrize("wrong", [np.zeros((1, 28, 28)), np.zeros((1, 27, 28), np.uint8), np.zeros((1, 1), np.uint8)])
def test_what_the_model_does_not_take_is_refused_after_a_right_image(
    classifier: Classifier, images: Images, wrong: NDArray[Any]
) -> None:
    classifier.run(images[:1])
    with pytest.raises(ModelError, match="cannot run a batch"):
        classifier.run(wrong)


def test_a_view_with_strides_is_read_as_it_is_seen(classifier: Classifier, images: Images) -> None:
    seen = images[:1, ::-1, ::-1]
    np.testing.assert_array_equal(classifier.run(seen), classifier.run(np.ascontiguousarray(seen)))


def test_threads_do_not_share_their_memory(classifier: Classifier, images: Images) -> None:
    expected = one_by_one(classifier.run, images)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: classifier.run(images[number % 64][None]), range(1024)))
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate([expected] * 16))


def test_a_stream_gives_what_predict_gives(classifier: Classifier, images: Images) -> None:
    stream = classifier.stream()
    found = np.stack([stream(image).copy() for image in images])
    np.testing.assert_array_equal(found, one_by_one(classifier.predict, images))


def test_the_next_call_of_a_stream_overwrites_the_answer(classifier: Classifier, images: Images) -> None:
    stream, other = classifier.stream(), classifier.stream()
    first = stream(images[0])
    assert np.shares_memory(first, stream(images[1]))
    assert not np.shares_memory(first, other(images[0]))


def test_a_stream_takes_the_forms_that_predict_takes(classifier: Classifier, images: Images) -> None:
    stream = classifier.stream()
    np.testing.assert_array_equal(stream(images[0][..., None]), stream(images[0]))
    with pytest.raises(InputError, match="expected"):
        stream(images[0].astype(np.float64))
    with pytest.raises(InputError, match="numpy array"):
        stream(images[0].tolist())


def test_a_stream_of_a_file_of_others(images: Images, tmp_path: Path) -> None:
    foreign = Classifier(odd.save(odd.linear(dtype="float32"), tmp_path / "odd.onnx"))
    np.testing.assert_array_equal(foreign.stream()(images[0]), foreign.predict(images[:1])[0])


def test_a_model_of_large_batches_has_no_stream(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="batches of 4"):
        Classifier(odd.save(odd.linear(batch=4), tmp_path / "odd.onnx")).stream()
