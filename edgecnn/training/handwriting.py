"""[TensorFlow] Writes MNIST's digits as other hands do: a flag and a foot on a 1, a bar through a 7, wide forms, pens.

MNIST's writers were taught in American schools, so their digits lack what many others write. Sources of the habits: the
forms of 1 and 7 that are taught in Europe; data sets that stretch each digit to a square, such as Semeion's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.imaging.form import SIDE, most_have_form
from edgecnn.layers import Augmentation
from edgecnn.training.backend import changed_where, tensorflow

DIGITS = tuple("0123456789")
FULL, INK = 255.0, 60.0  # the brightest pixel, and what is ink
PEN = (0.8, 1.6)  # half the width of a stroke that is drawn, pixels
THINNER, THICKER = -0.6, 1.0  # of the difference to the strokes made a pixel thinner and thicker on each side
FOOT = 0.6  # the share of flagged 1s that get a foot too
HOOK = 0.4  # the share of barred 7s that get a hook too


def are_digits(images: NDArray[np.uint8], labels: tuple[str, ...]) -> bool:
    """Whether these are handwritten digits in MNIST's form, by their labels and by what the first of them look like."""
    return labels == DIGITS and most_have_form(images)


def rewrite(pixels: Any, labels: Any, how: Augmentation, seed: Any) -> Any:
    """Change digits of MNIST's form at random, as other hands and pens would write them.

    `pixels` is a float32 tensor [n, 28, 28, 1], 0 to 255, `labels` an integer tensor [n], and `seed` an int32 tensor of
    shape [2]. Returns a tensor as `pixels`.
    """
    tf = tensorflow("training")
    seeds = [tf.random.experimental.stateless_fold_in(seed, number) for number in range(3)]
    if how.habits:
        pixels = _add_strokes(pixels, tf.cast(labels, tf.int32), how.habits, seeds[0])
    if how.stretch:
        pixels = _stretch(pixels, how.stretch, seeds[1])
    return _change_pen(pixels, how.pen, seeds[2]) if how.pen else pixels


def _boxes(pixels: Any) -> tuple[Any, Any, Any, Any]:
    """The top, left, bottom and right of each image's ink, float32 [n]: the first and the last row and column."""
    tf = tensorflow("training")
    ink = pixels[..., 0] > INK
    rows, columns = tf.reduce_any(ink, 2), tf.reduce_any(ink, 1)
    last = SIDE - 1.0
    return _first(rows), _first(columns), last - _first(rows[:, ::-1]), last - _first(columns[:, ::-1])


def _first(inky: Any) -> Any:
    """The number of the first True in each row, float32 [n]."""
    tf = tensorflow("training")
    return tf.cast(tf.argmax(tf.cast(inky, tf.int32), 1), tf.float32)


def _stretch(pixels: Any, share: float, seed: Any) -> Any:
    """Make the shorter side of a share of the digits longer, up to a square, each by a random amount."""
    tf = tensorflow("training")
    chosen, amount = tf.unstack(tf.random.stateless_uniform((2, tf.shape(pixels)[0]), seed))
    return changed_where(chosen < share, _stretched, pixels, amount)


def _stretched(pixels: Any, amount: Any) -> Any:
    """Each image by its amount, float32 [n]: 0 leaves it as it is, and 1 makes it a square."""
    tf = tensorflow("training")
    top, left, bottom, right = _boxes(pixels)
    height, width = bottom - top + 1, right - left + 1
    longest, middle, zero = tf.maximum(height, width), (SIDE - 1) / 2, tf.zeros_like(amount)
    down, across = (height / longest) ** amount, (width / longest) ** amount
    y, x = (top + bottom) / 2 - middle * down, (left + right) / 2 - middle * across
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=tf.stack([across, zero, x, zero, down, y, zero, zero], axis=1),
        output_shape=[SIDE, SIDE],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _change_pen(pixels: Any, share: float, seed: Any) -> Any:
    """Make the strokes of a share of the digits thinner or thicker."""
    tf = tensorflow("training")
    chosen, amount = tf.unstack(tf.random.stateless_uniform((2, tf.shape(pixels)[0], 1, 1, 1), seed))
    amount = THINNER + (THICKER - THINNER) * amount

    def written(some: Any, its_amount: Any) -> Any:
        thick = tf.nn.max_pool2d(some, 3, 1, "SAME")
        thin = FULL - tf.nn.max_pool2d(FULL - some, 3, 1, "SAME")
        return some + tf.maximum(its_amount, 0.0) * (thick - some) + tf.maximum(-its_amount, 0.0) * (thin - some)

    return changed_where(chosen[:, 0, 0, 0] < share, written, pixels, amount)


def _add_strokes(pixels: Any, labels: Any, share: float, seed: Any) -> Any:
    """Draw a flag, and often a foot, on a share of the 1s; a bar, and often a hook, on a share of the 7s."""
    tf = tensorflow("training")
    chosen, also, *draws = tf.unstack(tf.random.stateless_uniform((11, tf.shape(pixels)[0]), seed))
    for digit, strokes, often in ((1, _strokes_of_one, FOOT), (7, _strokes_of_seven, HOOK)):

        def drawn(some: Any, its_also: Any, *its_draws: Any, strokes: Any = strokes, often: float = often) -> Any:
            always, sometimes = strokes(some, its_draws)
            return tf.maximum(
                some, tf.where((its_also < often)[:, None, None, None], tf.maximum(always, sometimes), always)
            )

        pixels = changed_where((labels == digit) & (chosen < share), drawn, pixels, also, *draws)
    return pixels


def _strokes_of_one(pixels: Any, draws: Sequence[Any]) -> tuple[Any, Any]:
    """A flag that falls to the left from the top, and a foot at the bottom."""
    top, _, bottom, _ = _boxes(pixels)
    pen, tilt = _between(draws[0], *PEN), _between(draws[1], -0.75, 0.75)
    x = _column(pixels, top + 1)
    flag = _segment((top + 0.5, x), (top + _between(draws[2], 1.5, 9), x - _between(draws[3], 3, 8)), pen)
    x, half = _column(pixels, bottom - 1), _between(draws[4], 2.5, 6)
    return flag, _segment((bottom - 0.3 + tilt, x - half), (bottom - 0.3 - tilt, x + half), pen)


def _strokes_of_seven(pixels: Any, draws: Sequence[Any]) -> tuple[Any, Any]:
    """A bar through the stem, and a hook that hangs from the left end of the top."""
    top, left, bottom, _ = _boxes(pixels)
    pen, tilt = _between(draws[0], *PEN), _between(draws[1], -1.5, 1.5)
    y = top + (bottom - top) * _between(draws[2], 0.42, 0.65)
    x, half = _column(pixels, y), _between(draws[4], 2.5, 5)
    bar = _segment((y + tilt, x - half), (y - tilt, x + half), pen)
    y, x = _row(pixels, left + 1), left + 0.5
    return bar, _segment((y, x), (y + _between(draws[5], 2, 5), x - _between(draws[6], -0.5, 1.5)), pen)


def _between(draw: Any, low: float, high: float) -> Any:
    return low + (high - low) * draw


def _column(pixels: Any, row: Any) -> Any:
    """The middle of the ink in the rows around `row`, float32 [n]."""
    return _middle(pixels[..., 0], row)


def _row(pixels: Any, column: Any) -> Any:
    """The middle of the ink in the columns around `column`, float32 [n]."""
    return _middle(tensorflow("training").transpose(pixels[..., 0], (0, 2, 1)), column)


def _middle(ink: Any, row: Any) -> Any:
    tf = tensorflow("training")
    place = tf.range(SIDE, dtype=tf.float32)
    band = tf.cast(tf.abs(place[None, :] - row[:, None]) <= 1, tf.float32)[..., None] * ink
    return tf.reduce_sum(band * place, (1, 2)) / tf.maximum(tf.reduce_sum(band, (1, 2)), 1.0)


def _segment(start: tuple[Any, Any], end: tuple[Any, Any], half_width: Any) -> Any:
    """A straight stroke with round ends and soft edges in each image, float32 [n, 28, 28, 1]. Places are (y, x)."""
    tf = tensorflow("training")
    (from_y, from_x), (to_y, to_x) = ([side[:, None, None] for side in place] for place in (start, end))
    place = tf.range(SIDE, dtype=tf.float32)
    y, x = place[None, :, None] - from_y, place[None, None, :] - from_x
    down, across = to_y - from_y, to_x - from_x
    along = tf.clip_by_value((y * down + x * across) / tf.maximum(down**2 + across**2, 1e-3), 0.0, 1.0)
    apart = tf.sqrt((y - along * down) ** 2 + (x - along * across) ** 2)
    return (FULL * tf.clip_by_value(half_width[:, None, None] + 0.5 - apart, 0.0, 1.0))[..., None]
