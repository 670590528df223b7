"""Bound and Runs: a session on memory that stays, so that a call for one image costs little beside the network's work.

onnxruntime's `run_with_iobinding` and `run_with_ortvaluevector` take the same time, and `run` a few microseconds more:
benchmarks/latency/calls.py measures them.
"""

import threading
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Names = tuple[str, str]  # of the input and the output


class Bound:
    """Runs batches of one shape and type: write to `input`, call `run`, read `output`. For one thread at a time."""

    def __init__(self, session: ort.InferenceSession, names: Names, batch: NDArray[Any], answer: NDArray[Any]) -> None:
        """All batches have the shape and type of `batch`, and all answers those of `answer`."""
        self.input, self.output = np.zeros(batch.shape, batch.dtype), np.zeros(answer.shape, answer.dtype)
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(names[0], ort.OrtValue.ortvalue_from_numpy(self.input))
        self._binding.bind_ortvalue_output(names[1], ort.OrtValue.ortvalue_from_numpy(self.output))
        self._run = session.run_with_iobinding

    def takes(self, batch: NDArray[Any]) -> bool:
        return bool(batch.shape == self.input.shape and batch.dtype == self.input.dtype)

    def run(self) -> None:
        """Compute `output` from `input`."""
        self._run(self._binding)


class _PerThread(threading.local):
    bound: Bound | None = None


class Runs:
    """Runs a session on one batch: a single image, if `binds`, in memory that each thread keeps for the next."""

    def __init__(self, session: ort.InferenceSession, names: Names, binds: bool = True) -> None:
        self._session, self._names, self._binds = session, names, binds
        self._mine = _PerThread()

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """The scores, a new array. Raises as onnxruntime does."""
        bound = self._mine.bound
        if bound is None or not bound.takes(batch):
            return self._unbound(batch)
        bound.input[...] = batch
        bound.run()
        return bound.output.copy()

    def _unbound(self, batch: NDArray[Any]) -> NDArray[Any]:
        scores: NDArray[Any] = self._session.run([self._names[1]], {self._names[0]: batch})[0]
        if self._binds and len(batch) == 1:
            self._mine.bound = Bound(self._session, self._names, batch, scores)
        return scores
