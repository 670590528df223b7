"""Runs converted models with LiteRT: by its Interpreter, or by its newer CompiledModel."""

from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import COMPILED, Contender
from edgecnn.bench.runtimes.runner import Infer, Runner, input_spec
from edgecnn.errors import BenchError
from edgecnn.runtime.input_spec import ASSUMED, DTYPES, InputSpec

LONGEST = 200  # characters kept of LiteRT's messages
EMPTY = Path(__file__).with_name("empty.tflite")  # a model with one Identity; tests/make_empty.py makes it


def import_modules(contender: Contender) -> None:
    import_module(f"ai_edge_litert.{'compiled_model' if _is_compiled(contender) else 'interpreter'}")


def open_contender(contender: Contender) -> Runner:
    opened = _compiled if _is_compiled(contender) else _interpreter
    infer, spec = opened(contender.file, contender)
    return Runner(spec.prepare, infer, lambda: opened(EMPTY, contender)[0], contender.batch)


def interface(file: Path) -> tuple[InputSpec, int]:
    """What a file takes, if it takes float32 that is from 0 to 1, and how many scores it gives. Raises BenchError."""
    interpreter = _opened(file, threads=1)
    given, returned = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    dtype = np.dtype(given["dtype"]).name
    if dtype not in DTYPES or np.dtype(returned["dtype"]) != np.float32:
        raise BenchError(f"{file} takes or gives quantized numbers: convert it with uint8 or float32 at both ends")
    return InputSpec(tuple(int(size) for size in given["shape"][1:]), dtype, ASSUMED), int(returned["shape"][-1])


def _is_compiled(contender: Contender) -> bool:
    return contender.variant.endswith(COMPILED)


def _compiled(file: Path, contender: Contender) -> tuple[Infer, InputSpec]:
    """One image after another: in version 2.3, a resized model writes beyond the buffer of its answer."""
    from ai_edge_litert import compiled_model as litert

    options = litert.Options(
        hardware_accelerators=litert.HardwareAccelerator.CPU,
        cpu_options=litert.CpuOptions(num_threads=contender.threads),
    )
    model = litert.CompiledModel.from_file(str(file), options=options)
    [signature] = model.get_signature_list()
    [taken], [given] = (
        tuple(found.values())
        for found in (model.get_input_tensor_details(signature), model.get_output_tensor_details(signature))
    )
    [image], [answer] = model.create_input_buffers(0), model.create_output_buffers(0)
    count, kind = prod(given["shape"]), np.dtype(given["dtype"])

    def infer(batch: NDArray[Any]) -> NDArray[Any]:
        return np.stack([one(batch[at : at + 1]) for at in range(len(batch))])

    def one(batch: NDArray[Any]) -> NDArray[Any]:
        image.write(batch)
        model.run_by_index(0, [image], [answer])
        scores: NDArray[Any] = answer.read(count, kind)
        return scores

    return infer, input_spec(taken["shape"][1:], taken["dtype"], contender)


def _interpreter(file: Path, contender: Contender) -> tuple[Infer, InputSpec]:
    interpreter = _opened(file, contender.threads)
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


def _opened(file: Path, threads: int) -> Any:
    """Raises BenchError."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        return Interpreter(str(file), num_threads=threads)
    except ValueError as error:
        raise BenchError(f"{file} cannot be opened by LiteRT: {str(error)[:LONGEST]}") from error
