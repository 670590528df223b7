"""How a flat page lies in a photograph, and the pixels at given places of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Homography = NDArray[np.float64]


def homography(page: Points, picture: Points) -> Homography:
    """The projection, [3, 3], that brings points of the page to those of the picture, both [n, 2] with n ≥ 4.

    It is the least-squares solution of the direct linear transformation, on points that are centered and scaled first.
    Raises numpy.linalg.LinAlgError if there is none. Source: R. Hartley, "In defense of the eight-point algorithm",
    1997.
    """
    to_page, to_picture = _normalization(page), _normalization(picture)
    x, y = project(to_page, page).T
    u, v = project(to_picture, picture).T
    zero, one = np.zeros_like(x), np.ones_like(x)
    above = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u], axis=1)
    below = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v], axis=1)
    found = np.linalg.svd(np.concatenate([above, below]))[2][-1].reshape(3, 3)
    return np.asarray(np.linalg.inv(to_picture) @ found @ to_page, np.float64)


def _normalization(points: Points) -> Homography:
    middle, spread = points.mean(axis=0), points.std() or 1.0
    return np.array([[1 / spread, 0, -middle[0] / spread], [0, 1 / spread, -middle[1] / spread], [0, 0, 1]])


def project(by: Homography, points: Points) -> Points:
    """Where points, [..., 2], come to lie, [..., 2]."""
    found = points @ by[:, :2].T + by[:, 2]
    return np.asarray(found[..., :2] / found[..., 2:])


def sample(image: NDArray[Any], points: Points) -> NDArray[np.float32]:
    """The brightness between pixels, bilinear, at points [..., 2] of x and y. Beyond the edge, the edge goes on.

    A point counts from the upper left corner of the picture, so that the first pixel's center is at 0.5, 0.5.
    """
    height, width = image.shape
    x = np.clip(points[..., 0].astype(np.float32) - 0.5, 0, width - 1)
    y = np.clip(points[..., 1].astype(np.float32) - 0.5, 0, height - 1)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left, y - top
    upper = image[top, left] * (1 - across) + image[top, right] * across
    lower = image[bottom, left] * (1 - across) + image[bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
