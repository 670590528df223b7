"""Opens contenders: hands each to the adapter of its runtime, the module of that name beside this one."""

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
ANSWERED = 250  # images a run, where every image is answered

Infer = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Runner:
    """A loaded contender: `prepare` brings uint8 images into its form, `infer` returns a batch's scores [n, classes].

    `empty` opens a model of one identity in the same runtime and way, and takes uint8 [n, 1]. `answered` is how many
    images a run takes when every image is answered.
    """

    prepare: Callable[[NDArray[np.uint8]], NDArray[Any]]
    infer: Infer
    empty: Callable[[], Infer]
    answered: int = ANSWERED


def import_runtime(contender: Contender) -> None:
    """Import all that `open_runner` needs, and limit TensorFlow's threads."""
    _adapter(contender).import_modules(contender)


def open_runner(contender: Contender) -> Runner:
    """Load the contender's file. Raises ModelError, BenchError."""
    runner: Runner = _adapter(contender).open_contender(contender)
    return runner


def _adapter(contender: Contender) -> ModuleType:
    return import_module(f"edgecnn.bench.runtimes.{contender.runtime}")


def input_spec(sizes: Any, dtype: str, contender: Contender) -> InputSpec:
    """What a file takes, from its sizes without the batch; -1 is an open one."""
    shape = tuple(None if size < 0 else int(size) for size in sizes)
    return InputSpec(shape, dtype, 1.0 if dtype == "uint8" else contender.scale)
