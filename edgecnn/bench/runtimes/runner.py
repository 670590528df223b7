"""Opens contenders: passes each to its runtime's adapter, the module of that name in this folder."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import Contender
from edgecnn.runtime.input_spec import InputSpec

EMPTY = Path(__file__).with_name("empty.onnx")  # one Identity node; tests/make_empty.py makes it
ANSWERED = 250  # images per run, or fewer large ones, when every test image is classified

Infer = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Runner:
    """A loaded contender.

    `prepare` turns uint8 images [n, height, width] or [n, height, width, 3] into the model's input. `infer` takes that
    input and returns the batch's scores [n, classes]. `empty` opens a model with one Identity, run the same way in the
    same runtime; it takes uint8 [n, 1]. `answered` is the number of images per run when every test image is classified,
    if the contender takes no other.
    """

    prepare: Callable[[NDArray[np.uint8]], NDArray[Any]]
    infer: Infer
    empty: Callable[[], Infer]
    answered: int | None = None


def import_runtime(contender: Contender) -> None:
    """Import everything that `open_runner` needs, and limit TensorFlow's threads."""
    _adapter(contender).import_modules(contender)


def open_runner(contender: Contender) -> Runner:
    """Load the contender's file. Raises ModelError or BenchError if it cannot be run as the contender asks."""
    runner: Runner = _adapter(contender).open_contender(contender)
    return runner


def _adapter(contender: Contender) -> ModuleType:
    return import_module(f"edgecnn.bench.runtimes.{contender.runtime}")


def input_spec(sizes: Any, dtype: str, contender: Contender) -> InputSpec:
    """What a file takes. `sizes` are its input's dimensions without the batch; -1 is a dynamic one."""
    shape = tuple(None if size < 0 else int(size) for size in sizes)
    return InputSpec(shape, dtype) if dtype == "uint8" else InputSpec(shape, dtype, contender.preprocessing)
