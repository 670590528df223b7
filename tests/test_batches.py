"""What is computed at once goes by bytes, not by the number of images."""

import numpy as np
import pytest

from edgecnn.batches import ACTIVATIONS, FLOAT32, RUN_BYTES, RUN_IMAGES, at_once, batches, chunks


@pytest.mark.parametrize(("count", "size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 4, [3]), (0, 4, [])])
def test_chunks_are_consecutive_and_at_most_of_the_size(count: int, size: int, sizes: list[int]) -> None:
    parts = list(chunks(np.arange(count), size))
    assert [len(part) for part in parts] == sizes
    assert [value for part in parts for value in part] == list(range(count))


@pytest.mark.parametrize("image", [(1,), (28, 28), (784,), (3, 32, 32), (64, 64, 3), (224, 224, 3)])
def test_as_many_images_as_fit_are_computed_at_once(image: tuple[int, ...]) -> None:
    each = int(np.prod(image)) * FLOAT32 * ACTIVATIONS
    count = at_once(image)
    assert count * each <= RUN_BYTES
    assert count == RUN_IMAGES or (count + 1) * each > RUN_BYTES


@pytest.mark.parametrize("image", [(4000, 3000, 3), (299, 299, 3), (0,), ()])
def test_at_least_one_image_is_computed(image: tuple[int, ...]) -> None:
    assert at_once(image, most_bytes=1, most=1) == 1
    assert 1 <= at_once(image) <= RUN_IMAGES


def test_twice_the_memory_takes_twice_the_images() -> None:
    images = np.zeros((100, 64, 64, 3), np.uint8)
    sizes = [len(next(batches(images, most_bytes))) for most_bytes in (2**26, 2**27)]
    assert sizes == [13, 27]
