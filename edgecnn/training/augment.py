"""[TensorFlow] Changes training images at random, a batch at a time; the same for the same seed."""

from typing import Any

import numpy as np

from edgecnn.layers import Augmentation
from edgecnn.training.backend import tensorflow

FULL = 255.0
BLUR_SIGMA, BLUR_REACH = 2.0, 4  # pixels; mixed with the image as it was, so that lesser blurs come too
PALEST = 0.1  # of the contrast is left at least
PATCHES = 3  # by 3 values, interpolated, are an uneven light
KNOTS = 5  # by 5 random shifts, interpolated, bend an image
LOUDEST = 0.3  # of the range: noise's standard deviation at most


def augment(images: Any, how: Augmentation, seed: Any) -> Any:
    """Change each of `images`, uint8 [n, height, width] or [n, height, width, 3], by its own draw.

    `seed` is an int32 [2] tensor. Returns uint8 of the same shape.
    """
    tf = tensorflow("training")
    seeds = [tf.random.experimental.stateless_fold_in(seed, number) for number in range(5)]
    gray = images.shape.rank == 3
    pixels = tf.cast(images[..., None] if gray else images, tf.float32)
    pixels = _distort(pixels, how, seeds[0])
    if how.elastic:
        pixels = _bend(pixels, how.elastic, seeds[4])
    if how.blur:
        pixels = _blur(pixels, how.blur, seeds[1])
    if how.light:
        pixels = _relight(pixels, how.light, seeds[2])
    if how.noise:
        pixels = _add_noise(pixels, how.noise, seeds[3])
    changed = tf.cast(tf.round(tf.clip_by_value(pixels, 0.0, FULL)), tf.uint8)
    return changed[..., 0] if gray else changed


def _distort(pixels: Any, how: Augmentation, seed: Any) -> Any:
    """Rotate, scale, shear and shift. Pixels from outside are the nearest of the edge: not every background is 0."""
    tf = tensorflow("training")
    height, width = pixels.shape[1], pixels.shape[2]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=_transforms(how, tf.shape(pixels)[0], height, width, seed),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _transforms(how: Augmentation, count: Any, height: int, width: int, seed: Any) -> Any:
    """Rows of 8 that send output to input coordinates, as ImageProjectiveTransformV3 takes them: float32 [count, 8].

    Input = A (output - center - shift) + center, with A = shear · rotation / scale.
    """
    tf = tensorflow("training")
    draws = tf.random.stateless_uniform((count, 5), seed, -1.0, 1.0)
    angle, scale, shear = how.rotation * draws[:, 0], 1 + how.scale * draws[:, 1], how.shear * draws[:, 4]
    x, y = (width - 1) / 2, (height - 1) / 2
    moved_x, moved_y = x + how.shift * width * draws[:, 2], y + how.shift * height * draws[:, 3]
    cos, sin, zero = tf.cos(angle) / scale, tf.sin(angle) / scale, tf.zeros(count)
    across, down = cos + shear * sin, shear * cos - sin
    return tf.stack(
        [across, down, x - across * moved_x - down * moved_y, sin, cos, y - sin * moved_x - cos * moved_y, zero, zero],
        axis=1,
    )


def _bend(pixels: Any, strength: float, seed: Any) -> Any:
    """Move each pixel by a smooth random field whose knots have a standard deviation of `strength` of the size.

    Source: P. Simard et al., "Best Practices for Convolutional Neural Networks", ICDAR 2003, with a spline for a field.
    """
    tf = tensorflow("training")
    count, (height, width, channels) = tf.shape(pixels)[0], pixels.shape[1:]
    knots = tf.random.stateless_normal((count, KNOTS, KNOTS, 2), seed) * (strength * height, strength * width)
    field = tf.image.resize(knots, (height, width), method="bicubic")
    y = tf.clip_by_value(tf.range(height, dtype=tf.float32)[:, None] + field[..., 0], 0.0, height - 1.0)
    x = tf.clip_by_value(tf.range(width, dtype=tf.float32) + field[..., 1], 0.0, width - 1.0)
    above, left = tf.floor(y), tf.floor(x)
    right = _shifted(pixels, axis=2)
    corners = tf.concat([pixels, right, _shifted(pixels, axis=1), _shifted(right, axis=1)], axis=3)
    flat = tf.reshape(corners, (count, height * width, 4 * channels))  # one gather of four, not four of one: faster
    found = tf.gather(flat, tf.cast(above * width + left, tf.int32), batch_dims=1)
    upper_left, upper_right, lower_left, lower_right = tf.split(found, 4, axis=3)
    down, across = (y - above)[..., None], (x - left)[..., None]
    upper = upper_left * (1 - across) + upper_right * across
    lower = lower_left * (1 - across) + lower_right * across
    return upper * (1 - down) + lower * down


def _shifted(pixels: Any, axis: int) -> Any:
    """Each pixel's next one along the axis; the last one's is itself."""
    tf = tensorflow("training")
    size = pixels.shape[axis]
    return tf.gather(pixels, [*range(1, size), size - 1], axis=axis)


def _blur(pixels: Any, share: float, seed: Any) -> Any:
    """Mix a share of the images with what a Gaussian makes of them."""
    tf = tensorflow("training")
    bell = np.exp(-0.5 * (np.arange(-BLUR_REACH, BLUR_REACH + 1) / BLUR_SIGMA) ** 2)
    kernel = np.outer(bell, bell) / bell.sum() ** 2
    depthwise = np.repeat(kernel[:, :, None, None], pixels.shape[3], axis=2).astype(np.float32)
    blurred = tf.nn.depthwise_conv2d(pixels, depthwise, (1, 1, 1, 1), "SAME")
    return pixels + _amounts(tf.shape(pixels)[0], share, seed) * (blurred - pixels)


def _relight(pixels: Any, share: float, seed: Any) -> Any:
    """Make a share of the images paler, over a ground that is anything from dark to bright, even or not."""
    tf = tensorflow("training")
    count = tf.shape(pixels)[0]
    pale, even, uneven = (tf.random.experimental.stateless_fold_in(seed, number) for number in range(3))
    lost = (1 - PALEST) * _amounts(count, share, pale)
    level, mixed = tf.unstack(tf.random.stateless_uniform((2, count, 1, 1, 1), even))
    patches = tf.random.stateless_uniform((count, PATCHES, PATCHES, 1), uneven)
    light = tf.image.resize(patches, pixels.shape[1:3])
    return pixels * (1 - lost) + FULL * lost * (level + mixed * (light - level))


def _add_noise(pixels: Any, share: float, seed: Any) -> Any:
    tf = tensorflow("training")
    loud, noise = (tf.random.experimental.stateless_fold_in(seed, number) for number in range(2))
    amounts = FULL * LOUDEST * _amounts(tf.shape(pixels)[0], share, loud)
    return pixels + amounts * tf.random.stateless_normal(tf.shape(pixels), noise)


def _amounts(count: Any, share: float, seed: Any) -> Any:
    """For a share of the images a number from 0 to 1, for the others 0: float32 [count, 1, 1, 1]."""
    tf = tensorflow("training")
    chosen, amounts = tf.unstack(tf.random.stateless_uniform((2, count, 1, 1, 1), seed))
    return tf.where(chosen < share, amounts, 0.0)
