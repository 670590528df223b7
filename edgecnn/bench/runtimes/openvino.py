"""Runs ONNX files with OpenVINO, compiled for each shape that occurs."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.runner import EMPTY, Infer, Runner, input_spec
from edgecnn.runtime.file_check import check_file
from edgecnn.runtime.input_spec import InputSpec


def import_modules(_: Contender) -> None:
    quiet_openvino()


def quiet_openvino() -> Any:
    """Import openvino without its telemetry, which would run a process for seconds while queries are timed."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # openvino then uses its own stub
    return import_module("openvino")


def open_contender(contender: Contender) -> Runner:
    infer, spec = _compiled(contender.file, contender)
    return Runner(spec.prepare, infer, lambda: _compiled(EMPTY, contender)[0], contender.batch)


def _compiled(file: Path, contender: Contender) -> tuple[Infer, InputSpec]:
    check_file(file)
    core = quiet_openvino().Core()
    model = core.read_model(file)
    image, answer = model.input(0), _scores_at(model)
    sizes = [size.get_length() if size.is_static else -1 for size in image.partial_shape]
    settings = {
        "INFERENCE_NUM_THREADS": contender.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # on some processors the default is bfloat16
    }
    requests: dict[tuple[int, ...], Any] = {}

    def infer(batch: NDArray[Any]) -> NDArray[Any]:
        request = requests.get(batch.shape)
        if request is None:  # fixed shapes run faster than dynamic ones
            model.reshape(list(batch.shape))
            request = requests[batch.shape] = core.compile_model(model, "CPU", settings).create_infer_request()
        request.infer([batch], share_inputs=True)
        scores: NDArray[Any] = request.get_output_tensor(answer).data.copy()
        return scores

    return infer, input_spec(sizes[1:], np.dtype(image.element_type.to_dtype()).name, contender)


def _scores_at(model: Any) -> int:
    """Which output is [batch, classes], as Classifier takes it; else the first, as of an empty model."""
    fitting = (
        at
        for at, output in enumerate(model.outputs)
        if output.element_type.is_real() and output.partial_shape.rank.is_static and len(output.partial_shape) == 2
    )
    return next(fitting, 0)
