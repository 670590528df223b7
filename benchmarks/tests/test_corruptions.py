"""What each corruption does to real digits: its share, angle, distance or place, as its table says."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.accuracy import corruptions, raster
from edgecnn.data import Dataset

Images = NDArray[np.uint8]
BY_NAME = {corruption.name: corruption for corruption in corruptions.CORRUPTIONS}
ROWS, COLUMNS = np.mgrid[:28, :28]


@pytest.fixture(scope="module")
def digits(mnist: Dataset) -> Images:
    return mnist.test.images[:200]


def bar() -> Images:
    """300 times an upright bar, in the middle."""
    images = np.zeros((300, 28, 28), np.uint8)
    images[:, 4:24, 12:16] = 255
    return images


def centers(images: Images) -> NDArray[np.float64]:
    """Where the ink is on average: row and column, [n, 2]."""
    ink = images.astype(float)
    return np.stack([(ink * axis).sum((1, 2)) / ink.sum((1, 2)) for axis in (ROWS, COLUMNS)], axis=1)


def lean(images: Images) -> NDArray[np.float64]:
    """By how much the ink's column falls with its row, in columns a row: the slope of the least squares, [n]."""
    ink = images.astype(float)
    rows, columns = (
        axis - middle[:, None, None] for axis, middle in zip((ROWS, COLUMNS), centers(images).T, strict=True)
    )
    slope: NDArray[np.float64] = -(ink * rows * columns).sum((1, 2)) / (ink * rows**2).sum((1, 2))
    return slope


def test_the_list_is_that_of_the_issue() -> None:
    assert list(BY_NAME) == [
        *("shot noise", "impulse noise", "Gaussian blur", "motion blur", "shear", "scale", "rotation", "brightness"),
        *("contrast", "translation", "stripes", "fog", "spatter", "elastic distortion", "dotted line", "zigzag"),
        "Canny edges",
    ]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_corruption_changes_nearly_every_image_and_not_its_input(name: str, digits: Images) -> None:
    before = digits.copy()
    after = BY_NAME[name](digits)
    assert after.shape == digits.shape
    assert after.dtype == np.uint8
    assert (digits == before).all()
    assert (after != digits).any(axis=(1, 2)).mean() > 0.95


@pytest.mark.parametrize("name", BY_NAME)
def test_a_corruption_is_the_same_each_time_whatever_came_before(name: str, digits: Images) -> None:
    first = BY_NAME[name](digits)
    BY_NAME["spatter"](digits[:3])
    assert (BY_NAME[name](digits) == first).all()


def test_random_numbers_differ_by_image_and_by_corruption() -> None:
    same = bar()
    assert len(np.unique(BY_NAME["impulse noise"](same), axis=0)) == len(same)
    alike = corruptions.Corruption("another", "the same by another name", corruptions.impulse_noise)
    assert (alike(same) != BY_NAME["impulse noise"](same)).any()


def test_shot_noise_counts_few_photons_and_is_right_on_average(digits: Images) -> None:
    noisy = BY_NAME["shot noise"](digits)
    assert set(np.unique(noisy)) == {0, 85, 170, 255}
    assert (noisy[digits == 0] == 0).all()
    gray = np.full((100, 28, 28), 51, np.uint8)
    assert BY_NAME["shot noise"](gray).mean() == pytest.approx(51, abs=1)


def test_impulse_noise_strikes_17_of_100_pixels_half_of_them_white() -> None:
    noisy = BY_NAME["impulse noise"](np.full((100, 28, 28), 100, np.uint8))
    for value in (0, 255):
        assert (noisy == value).mean() == pytest.approx(0.085, abs=0.005)


def test_gaussian_blur_is_that_of_scipy(digits: Images) -> None:
    expected = ndimage.gaussian_filter(digits.astype(float), (0, 2, 2), mode="nearest", truncate=4)
    assert np.abs(BY_NAME["Gaussian blur"](digits) - expected).max() < 0.51


def test_motion_blur_smears_to_one_side_within_45_degrees_of_the_rows() -> None:
    dot = np.zeros((300, 28, 28), np.uint8)
    dot[:, 14, 20] = 255
    moved = centers(BY_NAME["motion blur"](dot)) - (14, 20)
    assert np.hypot(*moved.T) == pytest.approx(2.1, abs=0.3)  # of a half Gaussian of 3, counted from 0 in whole pixels
    angles = np.rad2deg(np.arctan2(moved[:, 0], -moved[:, 1]))
    assert -46 < angles.min() < -35
    assert 35 < angles.max() < 46


def test_shear_leans_an_upright_bar_by_sin_0_4_a_row() -> None:
    slopes = lean(BY_NAME["shear"](bar()))
    assert np.abs(slopes) == pytest.approx(np.sin(0.4), abs=0.02)
    assert 100 < (slopes > 0).sum() < 200


def test_rotation_turns_an_upright_bar_by_0_4_and_keeps_its_ink() -> None:
    turned = BY_NAME["rotation"](bar())
    assert np.abs(lean(turned)) == pytest.approx(np.tan(0.4), abs=0.05)
    assert 100 < (lean(turned) > 0).sum() < 200
    assert turned.mean() == pytest.approx(bar().mean(), rel=0.01)


def test_scale_keeps_the_middle_and_half_the_ink() -> None:
    smaller = BY_NAME["scale"](bar())
    assert centers(smaller) == pytest.approx(centers(bar()))
    assert smaller.mean() == pytest.approx(0.49 * bar().mean(), rel=0.05)


def test_brightness_adds_half_and_stops_at_white(digits: Images) -> None:
    brighter = BY_NAME["brightness"](digits)
    assert (brighter[digits == 0] == 128).all()
    assert (brighter[digits > 127] == 255).all()


def test_contrast_keeps_the_mean_and_a_tenth_of_the_range(digits: Images) -> None:
    flat = BY_NAME["contrast"](digits)
    assert flat.mean(axis=(1, 2)) == pytest.approx(digits.mean(axis=(1, 2)), abs=0.5)
    assert np.ptp(flat, axis=(1, 2)) == pytest.approx(np.ptp(digits, axis=(1, 2)) / 10, abs=1)


def test_translation_moves_by_3_pixels_to_all_four_corners() -> None:
    moved = centers(BY_NAME["translation"](bar())) - centers(bar())
    assert {tuple(step) for step in moved.round(6)} == {(-3, -3), (-3, 3), (3, -3), (3, 3)}


def test_stripes_invert_the_outer_quarters(digits: Images) -> None:
    striped = BY_NAME["stripes"](digits)
    assert (striped[:, :, 7:21] == digits[:, :, 7:21]).all()
    assert (striped[:, :, :7] == 255 - digits[:, :, :7]).all()
    assert (striped[:, :, 21:] == 255 - digits[:, :, 21:]).all()


def test_fog_is_smooth_and_lets_a_quarter_of_the_ink_through(digits: Images) -> None:
    foggy = BY_NAME["fog"](digits).astype(float)
    brightest = np.full_like(digits, 255)
    mist = BY_NAME["fog"](brightest).astype(float) - 255 / 4
    assert (digits.max(axis=(1, 2)) > 250).all()
    assert foggy - mist == pytest.approx(digits / 4, abs=3)
    assert np.abs(np.diff(mist, axis=2)).mean() < mist.std() / 4
    assert 60 < mist.mean() < 130


def test_spatter_covers_with_mud_some_of_the_image(digits: Images) -> None:
    covered = BY_NAME["spatter"](np.zeros_like(digits))
    assert (covered > 0).mean() == pytest.approx(0.14, abs=0.03)
    assert covered.max() <= 63


def test_elastic_distortion_moves_by_a_few_pixels_and_keeps_most_of_the_ink(digits: Images) -> None:
    bent = BY_NAME["elastic distortion"](digits)
    distances = np.hypot(*(centers(bent) - centers(digits)).T)
    assert 0.5 < distances.mean() < 3
    assert bent.mean() == pytest.approx(digits.mean(), rel=0.1)


def test_dotted_line_reaches_from_side_to_side_with_a_gap_after_every_dot() -> None:
    lines = BY_NAME["dotted line"](np.zeros((200, 28, 28), np.uint8))
    drawn = (lines > 0).any(axis=1)
    assert (drawn == np.array([column % 4 >= 2 and column < 27 for column in range(28)])).all()
    assert (lines.max(axis=(1, 2)) > 200).all()


def test_zigzag_goes_up_and_down_across_the_image() -> None:
    lines = BY_NAME["zigzag"](np.zeros((200, 28, 28), np.uint8)).astype(float)
    whole = lines[(lines[:, [0, -1]] == 0).all(axis=(1, 2))][:, :, 3:25]  # none of it beyond the image
    assert len(whole) > 50
    heights = (whole * ROWS[:, 3:25]).sum(axis=1) / whole.sum(axis=1)
    turns = (np.diff(np.sign(np.diff(heights, axis=1)), axis=1) != 0).sum(axis=1)
    assert set(turns) <= {4, 5, 6}


def test_canny_edges_are_black_and_white_and_go_around_a_bar() -> None:
    edges = BY_NAME["Canny edges"](bar())[0]
    assert set(np.unique(edges)) == {0, 255}
    rows, columns = np.nonzero(edges)
    assert set(columns[rows == 14]) <= {11, 12, 15, 16}
    assert (rows.min(), rows.max()) in {(3, 24), (4, 23)}
    assert not edges[6:22, 13:15].any()


def test_canny_joins_weak_edges_to_strong_ones_only() -> None:
    allowed = np.zeros((2, 28, 28), bool)
    allowed[:, 5, 3:20] = allowed[:, 6, 20] = allowed[:, 10, 3:20] = True
    seeds = np.zeros_like(allowed)
    seeds[0, 5, 3] = True
    found = raster.connected(seeds, allowed)
    assert found[0, 5, 3:20].all()
    assert found[0, 6, 20]
    assert not found[0, 10].any()
    assert not found[1].any()


@given(st.integers(0, 2**32 - 1))
def test_sampling_is_that_of_scipy_inside_and_background_outside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ink = rng.random((1, 28, 28))
    rows, columns = rng.uniform(-5, 33, (2, 1, 28, 28))
    expected = ndimage.map_coordinates(np.pad(ink[0], 9), [rows[0] + 9, columns[0] + 9], order=1)
    np.testing.assert_allclose(raster.sampled(ink, rows, columns)[0], expected, atol=1e-12)


def test_plasma_is_rough_where_it_decays_slowly() -> None:
    def steps(decay: float) -> Any:
        heights = raster.plasma(20, decay, np.random.default_rng(0))
        assert heights.shape == (20, 28, 28)
        assert 0 <= heights.min() < heights.max() <= 1
        return np.abs(np.diff(heights, axis=2)).mean()

    assert steps(1.2) > 2 * steps(2) > 3 * steps(4)
