"""What a process that runs a model from outside may take of this machine."""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from edgecnn import files

MOST_LOG = 2**20  # bytes of one file that a library may write: enough for what it says on stderr
MOST_RESULT = 2**31  # bytes of a result: what protobuf can express
LOADING = (2**30, 10)  # bytes of memory to load a model: so many, and so many for each byte of its file
RUNNING = (2**32, 10)  # bytes of memory to run and convert it, likewise
INSPECTING = (10, 1e-7)  # seconds of processor time to inspect it as data, likewise; NASNetLarge takes 4


def limit_files() -> None:
    """Let this process write no long files, and leave no image of its memory when it crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_FSIZE, MOST_LOG)


@contextmanager
def writing() -> Iterator[None]:
    """Let this process write a result."""
    _limit(resource.RLIMIT_FSIZE, MOST_RESULT)
    try:
        yield
    finally:
        _limit(resource.RLIMIT_FSIZE, MOST_LOG)


@contextmanager
def memory(kind: tuple[int, int], model: Path) -> Iterator[None]:
    """Let this process take so much more memory than it has now, for a model of that size.

    Beyond it, Python raises MemoryError and TensorFlow ResourceExhaustedError. Linux counts what is taken; elsewhere
    there is no such limit.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)[0]
    if sys.platform == "linux":
        _limit(resource.RLIMIT_DATA, psutil.Process(os.getpid()).memory_info().data + bound(kind, model))
    try:
        yield
    finally:
        if sys.platform == "linux":
            _limit(resource.RLIMIT_DATA, before)


@contextmanager
def processor_time(model: Path) -> Iterator[None]:
    """End this process by SIGPROF if a model of that size takes too long to inspect.

    HDF5 reads some damaged files without end, and no Python code runs meanwhile.
    """
    always, for_each = INSPECTING
    signal.setitimer(signal.ITIMER_PROF, always + for_each * files.size(model))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def bound(kind: tuple[int, int], model: Path) -> int:
    """How many bytes of memory a model's process may take besides TensorFlow's own."""
    always, for_each = kind
    return always + for_each * files.size(model)


def _limit(kind: int, most: int) -> None:
    """Set the soft limit, which the process itself may lift again."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
