"""Imports TensorFlow and Keras without their log output. No other module imports them."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.batches import batches
from edgecnn.errors import MissingDependencyError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # the numbers of these options of glibc's mallopt(3)
EVALUATION_BYTES, EVALUATION_IMAGES = 2**29, 500  # of activations at once; the images of `three-conv` take 200 MB


def tensorflow(purpose: str) -> Any:
    """The tensorflow module. Raises MissingDependencyError with a message that begins with `purpose`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # TensorFlow turns oneDNN's kernels on only if the CPU has VNNI or a similar extension. Without them, an epoch takes
    # 2.5 times as long. With op determinism, they are as repeatable as TensorFlow's other kernels.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with _silenced():
            import tensorflow as tf
    except ImportError:
        raise MissingDependencyError("tensorflow", "train", purpose) from None
    tf.get_logger().setLevel("ERROR")
    return tf


@contextmanager
def _silenced() -> Iterator[None]:
    """Discard what is written to file descriptor 2, because TensorFlow's C++ code logs there while it is loaded."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def keras(purpose: str) -> Any:
    """The keras module that TensorFlow uses. Raises MissingDependencyError as `tensorflow` does."""
    tensorflow(purpose)
    import keras as module

    return module


def in_chunks(forward: Callable[[Any], Any], images: NDArray[Any]) -> NDArray[np.float32]:
    """The results of `forward`, float32 [n, classes], for images of any number and size, in bounded memory."""
    pieces = batches(images, EVALUATION_BYTES, EVALUATION_IMAGES)
    return np.concatenate([np.asarray(forward(piece), np.float32) for piece in pieces])


def changed_where(chosen: Any, change: Callable[..., Any], images: Any, *more: Any) -> Any:
    """`images` with those where `chosen`, a bool tensor [n], is true replaced by what `change` makes of them.

    `change` gets these images and, of each tensor [n, ...] in `more`, what belongs to them. The others, which are most,
    take no time.
    """
    tf = tensorflow("training")
    places = tf.where(chosen)
    made = change(*(tf.gather_nd(each, places) for each in (images, *more)))
    return tf.tensor_scatter_nd_update(images, places, made)


def return_freed_memory() -> None:
    """Make glibc return freed memory to the kernel now: after a conversion these are hundreds of megabytes.

    With another C library, this does nothing.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for later use.

    By default it returns the activations of a training step, which are megabytes each, to the kernel, and gets them
    back page by page in the next step. With another C library, this does nothing.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(M_MMAP_THRESHOLD, 2**25)  # the largest allowed value
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
