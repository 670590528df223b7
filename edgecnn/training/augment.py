"""[TensorFlow] Distorts training images at random, the same for the same seed."""

from typing import Any

from edgecnn.recipes import Affine
from edgecnn.training.backend import tensorflow


def distort(images: Any, affine: Affine, seed: Any) -> Any:
    """Rotate, scale, shear and shift each of `images`, uint8 [n, height, width] or [n, height, width, 3], by its own draw.

    `seed` is an int32 [2] tensor. Pixels from outside are the nearest of the edge, for not every background is 0.
    Returns uint8 of the same shape.
    """
    tf = tensorflow("training")
    grey = images.shape.rank == 3
    batch = images[..., None] if grey else images
    height, width = batch.shape[1], batch.shape[2]
    distorted = tf.raw_ops.ImageProjectiveTransformV3(
        images=batch,
        transforms=_transforms(affine, tf.shape(batch)[0], height, width, seed),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return distorted[..., 0] if grey else distorted


def _transforms(affine: Affine, count: Any, height: int, width: int, seed: Any) -> Any:
    """Rows of 8 that send output to input coordinates, as ImageProjectiveTransformV3 takes them: float32 [count, 8].

    Input = A (output - centre - shift) + centre, with A = shear · rotation / scale.
    """
    tf = tensorflow("training")
    draws = tf.random.stateless_uniform((count, 5), seed, -1.0, 1.0)
    angle, scale, shear = affine.rotation * draws[:, 0], 1 + affine.scale * draws[:, 1], affine.shear * draws[:, 4]
    x, y = (width - 1) / 2, (height - 1) / 2
    moved_x, moved_y = x + affine.shift * width * draws[:, 2], y + affine.shift * height * draws[:, 3]
    cos, sin, zero = tf.cos(angle) / scale, tf.sin(angle) / scale, tf.zeros(count)
    across, down = cos + shear * sin, shear * cos - sin
    return tf.stack(
        [across, down, x - across * moved_x - down * moved_y, sin, cos, y - sin * moved_x - cos * moved_y, zero, zero],
        axis=1,
    )
