"""Opens contenders: how each runtime is imported and limited, loads a file, and answers a batch."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench import Runtime
from edgecnn.bench.contenders import Contender
from edgecnn.errors import BenchError
from edgecnn.runtime.input_spec import InputSpec

EMPTY = Path(__file__).with_name("empty.onnx")  # one Identity node; tests/make_empty.py makes it
EMPTY_LITERT = "empty.tflite"  # likewise, beside a converted file
ANSWERED = 250  # images a run, where every image is answered
PURPOSE = "measuring the original model"

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
    match contender.runtime:
        case "tensorflow":
            from edgecnn.training.backend import keras, tensorflow

            threading = tensorflow(PURPOSE).config.threading
            threading.set_intra_op_parallelism_threads(contender.threads)
            threading.set_inter_op_parallelism_threads(contender.threads)
            keras(PURPOSE)
            import_module("edgecnn.exporting.keras_to_onnx")
        case "onnxruntime":
            import_module("edgecnn.runtime.classifier")
        case "litert":
            import_module("ai_edge_litert.interpreter")
        case "openvino":
            quiet_openvino()


def quiet_openvino() -> Any:
    """The openvino module without its telemetry, which would run a process beside what is timed, for seconds."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it then falls back to its own stub
    return import_module("openvino")


def open_runner(contender: Contender) -> Runner:
    """Load the contender's file. Raises ModelError, BenchError."""
    return OPENERS[contender.runtime](contender)


def _onnxruntime(contender: Contender) -> Runner:
    from edgecnn.runtime.classifier import Classifier

    classifier = Classifier(contender.file, threads=contender.threads)
    if classifier.batch not in (None, contender.batch):
        raise BenchError(f"{contender.file} takes batches of {classifier.batch}: give --batch {classifier.batch}")
    return Runner(
        classifier.input.prepare,
        classifier.run,
        lambda: Classifier(EMPTY, threads=contender.threads).run,
        classifier.batch or ANSWERED,
    )


def _tensorflow(contender: Contender) -> Runner:
    from edgecnn.exporting import keras_to_onnx
    from edgecnn.training.backend import keras, tensorflow

    tf, layers = tensorflow(PURPOSE), keras(PURPOSE).layers
    original = keras_to_onnx.load(contender.file)

    def function(call: Callable[[Any], Any], signature: Any) -> Infer:
        compiled = tf.function(call, input_signature=[signature], jit_compile=contender.variant == "xla")
        return lambda batch: np.asarray(compiled(batch))

    def run(model: Any, call: Callable[[Any], Any], signature: Any) -> Infer:
        match contender.variant:
            case "predict":
                return lambda batch: model.predict(batch, batch_size=len(batch), verbose=0)
            case "call":
                return lambda batch: np.asarray(call(batch))
            case _:
                return function(call, signature)

    def empty() -> Infer:
        model = keras(PURPOSE).Sequential([layers.Input((1,), dtype="uint8"), layers.Identity()])
        return run(model, model if contender.variant == "call" else tf.identity, tf.TensorSpec((None, 1), tf.uint8))

    return Runner(
        original.input(contender.scale).prepare, run(original.keras, original.call, original.signature), empty
    )


def _litert(contender: Contender) -> Runner:
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

    return infer, _spec(given["shape_signature"][1:], np.dtype(given["dtype"]).name, contender)


def _spec(sizes: Any, dtype: str, contender: Contender) -> InputSpec:
    """What a file takes, from its sizes without the batch; -1 is an open one."""
    shape = tuple(None if size < 0 else int(size) for size in sizes)
    return InputSpec(shape, dtype, 1.0 if dtype == "uint8" else contender.scale)


def _openvino(contender: Contender) -> Runner:
    infer, spec = _compiled(contender.file, contender)
    return Runner(spec.prepare, infer, lambda: _compiled(EMPTY, contender)[0], contender.batch)


def _compiled(file: Path, contender: Contender) -> tuple[Infer, InputSpec]:
    core = quiet_openvino().Core()
    model = core.read_model(file)
    image = model.input(0)
    sizes = [size.get_length() if size.is_static else -1 for size in image.partial_shape]
    settings = {
        "INFERENCE_NUM_THREADS": contender.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # its default on some processors is bfloat16
    }
    requests: dict[tuple[int, ...], Any] = {}

    def infer(batch: NDArray[Any]) -> NDArray[Any]:
        request = requests.get(batch.shape)
        if request is None:  # fixed shapes run faster than open ones
            model.reshape(list(batch.shape))
            request = requests[batch.shape] = core.compile_model(model, "CPU", settings).create_infer_request()
        request.infer([batch], share_inputs=True)
        scores: NDArray[Any] = request.get_output_tensor(0).data.copy()
        return scores

    return infer, _spec(sizes[1:], np.dtype(image.element_type.to_dtype()).name, contender)


OPENERS: dict[Runtime, Callable[[Contender], Runner]] = {
    "tensorflow": _tensorflow,
    "onnxruntime": _onnxruntime,
    "litert": _litert,
    "openvino": _openvino,
}
