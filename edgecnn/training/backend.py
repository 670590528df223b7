"""The one place that imports TensorFlow, quietly, and says how to get it where it is missing."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.data import chunks
from edgecnn.errors import MissingDependencyError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's numbers for mallopt(3)
EVALUATION_CHUNK = 500  # images: `three-conv` then takes about 200 MB of activations, whatever the data set's size


def tensorflow(purpose: str) -> Any:
    """The tensorflow module. `purpose` begins the message of the MissingDependencyError raised where it is missing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Without VNNI or the like TensorFlow leaves oneDNN's kernels off, and an epoch takes 2.5 times as long. They are as
    # repeatable as its others under op determinism.
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
    """Send what is written to file descriptor 2 nowhere: while it is loaded, TensorFlow logs below Python, unasked."""
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
    """The keras module that TensorFlow uses. Raises MissingDependencyError."""
    tensorflow(purpose)
    import keras as module

    return module


def in_chunks(forward: Callable[[Any], Any], images: NDArray[Any]) -> NDArray[np.float32]:
    """`forward`'s float32 [n, classes] for any number of images, with memory bounded by EVALUATION_CHUNK."""
    return np.concatenate([np.asarray(forward(chunk), np.float32) for chunk in chunks(images, EVALUATION_CHUNK)])


def keep_freed_memory() -> None:
    """Have glibc keep what is freed. It would hand a step's activations, megabytes each, back to the kernel and have
    them faulted in again, page by page, at the next step. With another C library nothing happens.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(M_MMAP_THRESHOLD, 2**25)  # the most it takes
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
