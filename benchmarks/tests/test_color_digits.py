"""The data and widths of the networks that quantizing is tried on; training them takes minutes."""

import numpy as np
import pytest

from benchmarks.models import color_digits
from edgecnn.data import Dataset


@pytest.mark.parametrize("name", ["mobilenet-v2", "resnet-20"])
def test_a_colored_digit_is_the_digit_in_two_colors_somewhere(name: str, mnist: Dataset) -> None:
    network, split = color_digits.NETWORKS[name], mnist.test.sample(20, 0)
    images = color_digits.colored(split, network, np.random.default_rng(0))
    assert images.shape == (20, network.size, network.size, 3)
    assert images.dtype == np.uint8
    corners = set()
    for image, digit in zip(images, split.images, strict=True):
        inked = (image != image[0, 0]).any(axis=-1)  # a digit leaves its corners free
        # The palest ink may be lost in the color's rounding; from 5 of 255 on it cannot be.
        assert (digit > 4).sum() <= inked.sum() / network.enlarged**2 <= (digit > 0).sum()
        corners.add((inked.any(axis=1).argmax(), inked.any(axis=0).argmax()))
    assert len(corners) > 10


def test_colored_digits_are_the_same_each_time(mnist: Dataset) -> None:
    network, split = color_digits.NETWORKS["resnet-20"], mnist.test.sample(5, 0)
    first, second = (color_digits.colored(split, network, np.random.default_rng(1)) for _ in range(2))
    assert (first == second).all()


def test_there_are_enough_validation_images_to_judge_a_tenth_of_a_point() -> None:
    assert all(network.images // 12 >= 1000 for network in color_digits.NETWORKS.values())


def test_channels_are_those_of_the_published_narrow_mobilenet() -> None:
    assert [color_digits.wide(channels) for channels in (32, 16, 24, 32, 64, 96, 160, 320)] == [
        16,
        8,
        8,
        16,
        24,
        32,
        56,
        112,
    ]
