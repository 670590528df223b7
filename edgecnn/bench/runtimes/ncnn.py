"""Runs converted models with ncnn, one image after another: it knows no batches."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.converted import LAYERS, WEIGHTS, runner_of
from edgecnn.bench.runtimes.runner import Infer, Runner
from edgecnn.errors import BenchError


def import_modules(_: Contender) -> None:
    import_module("ncnn")


def open_contender(contender: Contender) -> Runner:
    return runner_of(contender, _network)


def _network(folder: Path, threads: int) -> Infer:
    """Computed in float32, as the others are; by default, ARM processors compute in float16."""
    ncnn = import_module("ncnn")
    network = ncnn.Net()
    network.opt.num_threads = threads
    for kind in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(network.opt, f"use_{kind}", False)
    if network.load_param(str(folder / LAYERS)) or network.load_model(str(folder / WEIGHTS)):
        raise BenchError("ncnn has no layer for an operator of this network")

    def one(image: NDArray[Any]) -> NDArray[Any]:
        with network.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(image).clone())  # a layer that works in place may write to it
            _, scores = extractor.extract("out0")
            return np.array(scores)

    def infer(batch: NDArray[Any]) -> NDArray[Any]:
        return np.stack([one(np.ascontiguousarray(image, np.float32)) for image in batch])

    return infer
