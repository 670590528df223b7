"""[TensorFlow] Changes the training images of a batch at random. The same seed gives the same changes."""

from typing import Any

import numpy as np

from edgecnn.layers import Augmentation
from edgecnn.training.backend import changed_where, tensorflow
from edgecnn.training.handwriting import rewrite

FULL = 255.0
BLUR_SIGMA, BLUR_REACH = 2.0, 4  # pixels; mixing with the original image gives weaker blurs too
PALEST = 0.1  # the smallest share of the contrast that is left
PATCHES = 3  # uneven light is interpolated from 3 × 3 random values
KNOTS = 5  # a bend is interpolated from 5 × 5 random shifts
LOUDEST = 0.3  # the largest standard deviation of noise, as a share of the range of pixels


def augment(images: Any, how: Augmentation, seed: Any, digits: Any = None) -> Any:
    """Change each image of a tensor, uint8 [n, height, width] or [n, height, width, 3], at random.

    `how` tells which changes to make and how strong they may be. `seed` is an int32 tensor of shape [2]. `digits` are
    the labels, an integer tensor [n], if the images are digits in MNIST's form: only those change as handwriting does.
    Returns a uint8 tensor of the same shape.
    """
    tf = tensorflow("training")
    seeds = [tf.random.experimental.stateless_fold_in(seed, number) for number in range(7)]
    gray = images.shape.rank == 3
    pixels = tf.cast(images[..., None] if gray else images, tf.float32)
    if digits is not None:
        pixels = rewrite(pixels, digits, how, seeds[5])
    pixels = _distort(pixels, how, seeds[0])
    if how.elastic:
        pixels = _bend(pixels, how.elastic, seeds[4])
    if how.filter:
        pixels = _filter(pixels, how.filter, seeds[6])
    if how.blur:
        pixels = _blur(pixels, how.blur, seeds[1])
    if how.light:
        pixels = _relight(pixels, how.light, seeds[2])
    if how.noise:
        pixels = _add_noise(pixels, how.noise, seeds[3])
    changed = tf.cast(tf.round(tf.clip_by_value(pixels, 0.0, FULL)), tf.uint8)
    return changed[..., 0] if gray else changed


def _distort(pixels: Any, how: Augmentation, seed: Any) -> Any:
    """Rotate, scale, shear and shift images. Pixels from outside repeat the edge, because not every background is 0."""
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
    """Transforms from output to input coordinates, as ImageProjectiveTransformV3 takes them: float32 [count, 8].

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
    """Bend images: move each pixel by a smooth random field.

    The field is a spline through random shifts. Their standard deviation is `strength` times the size of the image.
    Source: P. Simard et al., "Best Practices for Convolutional Neural Networks", ICDAR 2003, with a spline as the
    field.
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
    flat = tf.reshape(corners, (count, height * width, 4 * channels))  # one gather of four pixels, which is faster
    found = tf.gather(flat, tf.cast(above * width + left, tf.int32), batch_dims=1)
    upper_left, upper_right, lower_left, lower_right = tf.split(found, 4, axis=3)
    down, across = (y - above)[..., None], (x - left)[..., None]
    upper = upper_left * (1 - across) + upper_right * across
    lower = lower_left * (1 - across) + lower_right * across
    return upper * (1 - down) + lower * down


def _shifted(pixels: Any, axis: int) -> Any:
    """Replace each pixel by its next neighbor along the axis. The last pixel stays."""
    tf = tensorflow("training")
    size = pixels.shape[axis]
    return tf.gather(pixels, [*range(1, size), size - 1], axis=axis)


def _filter(pixels: Any, share: float, seed: Any) -> Any:
    """Replace a share of the images by what a random 3×3 filter answers, from 0 to the image's own brightest value.

    Shapes stay, but light and dark, edges and texture change. Source: Z. Xu et al., "Robust and Generalizable Visual
    Representation Learning via Random Convolutions", 2021.
    """
    tf = tensorflow("training")
    count, (height, width, channels) = tf.shape(pixels)[0], pixels.shape[1:]
    chosen, weights = (tf.random.experimental.stateless_fold_in(seed, number) for number in range(2))
    kernels = tf.random.stateless_normal((count, 1, 1, 9, 1), weights)
    is_chosen = tf.random.stateless_uniform((count, 1, 1, 1), chosen) < share

    def filtered(some: Any, its_kernels: Any) -> Any:
        near = tf.image.extract_patches(some, (1, 3, 3, 1), (1, 1, 1, 1), (1, 1, 1, 1), "SAME")
        near = tf.reshape(near, (-1, height, width, 9, channels))
        answers = tf.abs(tf.reduce_sum(near * its_kernels, 3))
        brightest, most = (tf.reduce_max(each, (1, 2, 3), keepdims=True) for each in (some, answers))
        return answers * brightest / tf.maximum(most, 1.0)

    return changed_where(is_chosen[:, 0, 0, 0], filtered, pixels, kernels)


def _blur(pixels: Any, share: float, seed: Any) -> Any:
    """Mix a share of the images with their Gaussian blur, each by a random amount."""
    tf = tensorflow("training")
    bell = np.exp(-0.5 * (np.arange(-BLUR_REACH, BLUR_REACH + 1) / BLUR_SIGMA) ** 2)
    kernel = np.outer(bell, bell) / bell.sum() ** 2
    depthwise = np.repeat(kernel[:, :, None, None], pixels.shape[3], axis=2).astype(np.float32)
    amounts = _amounts(tf.shape(pixels)[0], share, seed)

    def mixed(some: Any, its_amounts: Any) -> Any:
        return some + its_amounts * (tf.nn.depthwise_conv2d(some, depthwise, (1, 1, 1, 1), "SAME") - some)

    return changed_where(amounts[:, 0, 0, 0] > 0, mixed, pixels, amounts)


def _relight(pixels: Any, share: float, seed: Any) -> Any:
    """Make a share of the images paler, and add light of a random level, even or uneven."""
    tf = tensorflow("training")
    count = tf.shape(pixels)[0]
    pale, even, uneven = (tf.random.experimental.stateless_fold_in(seed, number) for number in range(3))
    lost = (1 - PALEST) * _amounts(count, share, pale)
    level, mixed = tf.unstack(tf.random.stateless_uniform((2, count, 1, 1, 1), even))
    patches = tf.random.stateless_uniform((count, PATCHES, PATCHES, 1), uneven)
    light = tf.image.resize(patches, pixels.shape[1:3])
    return pixels * (1 - lost) + FULL * lost * (level + mixed * (light - level))


def _add_noise(pixels: Any, share: float, seed: Any) -> Any:
    """Add Gaussian noise of a random strength to a share of the images."""
    tf = tensorflow("training")
    loud, noise = (tf.random.experimental.stateless_fold_in(seed, number) for number in range(2))
    amounts = FULL * LOUDEST * _amounts(tf.shape(pixels)[0], share, loud)
    return pixels + amounts * tf.random.stateless_normal(tf.shape(pixels), noise)


def _amounts(count: Any, share: float, seed: Any) -> Any:
    """Random amounts, float32 [count, 1, 1, 1]: from 0 to 1 for a share of the images, 0 for the others."""
    tf = tensorflow("training")
    chosen, amounts = tf.unstack(tf.random.stateless_uniform((2, count, 1, 1, 1), seed))
    return tf.where(chosen < share, amounts, 0.0)
