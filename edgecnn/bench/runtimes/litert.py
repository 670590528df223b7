"""Runs converted models with LiteRT's interpreter."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.runner import Infer, Runner, input_spec
from edgecnn.runtime.input_spec import InputSpec

EMPTY_LITERT = "empty.tflite"  # a model with one Identity, written beside each converted file


def import_modules(_: Contender) -> None:
    import_module("ai_edge_litert.interpreter")


def open_contender(contender: Contender) -> Runner:
    infer, spec = _interpreter(contender.file, contender)
    empty = contender.file.with_name(EMPTY_LITERT)
    return Runner(spec.prepare, infer, lambda: _interpreter(empty, contender)[0], contender.batch)


def _interpreter(file: Path, contender: Contender) -> tuple[Infer, InputSpec]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=contender.threads)
    given, returned = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    index, answer = given["index"], returned["index"]
    allocated = 0

    def infer(batch: NDArray[Any]) -> NDArray[Any]:
        nonlocal allocated
        if len(batch) != allocated:
            interpreter.resize_tensor_input(index, batch.shape)
            interpreter.allocate_tensors()
            allocated = len(batch)
        interpreter.set_tensor(index, batch)
        interpreter.invoke()
        scores: NDArray[Any] = interpreter.get_tensor(answer)
        return scores

    return infer, input_spec(given["shape_signature"][1:], np.dtype(given["dtype"]).name, contender)
