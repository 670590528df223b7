"""Runs converted models with MNN, in a session that is resized for each batch size that occurs."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.converted import runner_of
from edgecnn.bench.runtimes.runner import Infer, Runner


def import_modules(_: Contender) -> None:
    import_module("MNN")


def open_contender(contender: Contender) -> Runner:
    return runner_of(contender, _session)


def _session(file: Path, threads: int) -> Infer:
    """Computed in float32, as the others are: "high" is MNN's name for it."""
    mnn = import_module("MNN")
    network = mnn.Interpreter(str(file))
    session = network.createSession({"backend": "CPU", "numThread": threads, "precision": "high"})
    taken, given = network.getSessionInput(session), network.getSessionOutput(session)
    in_order, kind = mnn.Tensor_DimensionType_Caffe, mnn.Halide_Type_Float
    shape: tuple[int, ...] = ()
    scores: Any = None

    def infer(batch: NDArray[Any]) -> NDArray[Any]:
        nonlocal shape, scores
        batch = np.ascontiguousarray(batch, np.float32)
        if batch.shape != shape:
            network.resizeTensor(taken, batch.shape)
            network.resizeSession(session)
            shape, sizes = batch.shape, given.getShape()
            scores = mnn.Tensor(sizes, kind, np.zeros(sizes, np.float32), in_order)
        taken.copyFrom(mnn.Tensor(shape, kind, batch, in_order))
        network.runSession(session)
        given.copyToHostTensor(scores)
        return np.array(scores.getNumpyData())

    return infer
