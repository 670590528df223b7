"""Digits as other hands and pens write them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.data import Dataset
from edgecnn.layers import Augmentation
from edgecnn.training.augment import augment
from edgecnn.training.backend import tensorflow
from edgecnn.training.handwriting import are_digits

pytestmark = pytest.mark.tensorflow
Images = NDArray[np.uint8]


def rewritten(images: Images, labels: NDArray[np.int64], how: Augmentation) -> Images:
    tf = tensorflow("a test")
    return np.asarray(augment(tf.constant(images), how, [0, 7], tf.constant(labels)))


def sides(images: Images) -> list[NDArray[np.intp]]:
    """The height and width of the ink of each image."""
    ink = images > 60
    rows, columns = (np.asarray(ink.any(axis=axis)) for axis in (2, 1))
    return [np.array([np.ptp(np.flatnonzero(row)) + 1 for row in found]) for found in (rows, columns)]


def test_mnist_is_recognized_and_other_data_is_not(mnist: Dataset) -> None:
    assert are_digits(mnist.train.images, mnist.labels)
    assert not are_digits(mnist.train.images, tuple("abcdefghij"))
    assert not are_digits(255 - mnist.train.images, mnist.labels)
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    assert not are_digits(noise, mnist.labels)
    assert not are_digits(np.zeros((50, 32, 32, 3), np.uint8), mnist.labels)


def test_only_ones_and_sevens_get_strokes_and_only_their_share(mnist: Dataset) -> None:
    images, labels = mnist.test.images[:2000], mnist.test.labels[:2000]
    drawn = rewritten(images, labels, Augmentation(habits=0.5))
    changed = (drawn != images).any(axis=(1, 2))
    both = np.isin(labels, (1, 7))
    assert not changed[~both].any()
    assert 0.4 < changed[both].mean() < 0.6
    assert (drawn >= images).all()  # strokes are added, nothing is taken away


def test_a_one_gets_wider_by_its_flag_and_a_seven_keeps_its_height(mnist: Dataset) -> None:
    images, labels = mnist.test.images[:2000], mnist.test.labels[:2000]
    drawn = rewritten(images, labels, Augmentation(habits=1.0))
    (old_height, old_width), (height, width) = sides(images), sides(drawn)
    ones, sevens = labels == 1, labels == 7
    assert np.median(width[ones] - old_width[ones]) >= 3
    assert np.mean(height[sevens] == old_height[sevens]) > 0.95
    assert drawn.max() == 255


def test_stretching_widens_up_to_a_square_and_never_beyond(mnist: Dataset) -> None:
    images = mnist.test.images[:500]
    stretched = rewritten(images, mnist.test.labels[:500], Augmentation(stretch=1.0))
    (old_height, old_width), (height, width) = sides(images), sides(stretched)
    longest = np.maximum(old_height, old_width)
    assert (np.maximum(height, width) <= longest + 2).all()
    shortest, old_shortest = np.minimum(height, width), np.minimum(old_height, old_width)
    assert (shortest >= old_shortest).all()
    assert np.mean(shortest > old_shortest) > 0.7


def test_a_pen_makes_strokes_thinner_and_thicker(mnist: Dataset) -> None:
    images = mnist.test.images[:500]
    ink = rewritten(images, mnist.test.labels[:500], Augmentation(pen=1.0)).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
    assert ink.min() < 0.7
    assert ink.max() > 1.5
    half = rewritten(images, mnist.test.labels[:500], Augmentation(pen=0.5))
    assert 0.4 < (half != images).any(axis=(1, 2)).mean() < 0.6


def test_images_that_are_not_digits_do_not_change(mnist: Dataset) -> None:
    how = Augmentation(habits=1.0, stretch=1.0, pen=1.0)
    images = tensorflow("a test").constant(mnist.test.images[:50])
    assert np.array_equal(augment(images, how, [0, 7]), mnist.test.images[:50])
