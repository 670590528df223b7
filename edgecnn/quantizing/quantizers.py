"""[onnx] Converts a float32 graph: to static int8 in QDQ form (with calibration), to dynamic int8, or to float16."""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from io import StringIO
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.batches import FLOAT32, chunks, fitting
from edgecnn.errors import ExportError
from edgecnn.graph.graph import Graph, onnx_module
from edgecnn.graph.quantized_cleanup import clean, pixel_tensors
from edgecnn.quantizing.schemes import Int8, Method
from edgecnn.scratch import scratch

# Images for each run. All of their activations are in memory at once, and copies of the largest ones.
CALIBRATION_BYTES, CALIBRATION_IMAGES = 2**27, 64
ALTERNATIVE = "try --scheme dynamic or float16"
# A softmax is faster in float32 than between a Quantize and a Dequantize, and its results must stay exact for users.
KEPT_FLOAT = ("Softmax",)

Prepare = Callable[[NDArray[Any]], NDArray[Any]]


def quantizable() -> frozenset[str]:
    """The operators that onnxruntime's quantizer can convert to int8, without those that never gain from it."""
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    return frozenset({*QDQRegistry, *QLinearOpsRegistry}.difference(KEPT_FLOAT))


def calibrate(model: Any, images: NDArray[Any], method: Method, prepare: Prepare = np.asarray) -> Any:
    """The range of every activation over `images`, which `prepare` turns into the model's input, few at a time.

    It is onnxruntime's TensorsData.
    A tensor that holds unchanged pixels of a uint8 image ranges from 0 to 255, even if these images do not. Raises
    ExportError if onnxruntime cannot calibrate the model.
    """
    from onnxruntime.quantization import calibrate as ort

    methods = {
        "minmax": ort.CalibrationMethod.MinMax,
        "percentile": ort.CalibrationMethod.Percentile,
        "entropy": ort.CalibrationMethod.Entropy,
    }
    onnx = onnx_module()
    with scratch() as folder, quiet(), telling("calibrated"):
        file = folder / "model.onnx"
        onnx.save(model, file)
        calibrator = ort.create_calibrator(file, sorted(quantizable()), str(folder / "augmented.onnx"), methods[method])
        for batch in _batches(images, model, prepare):
            calibrator.collect_data(_Once({model.graph.input[0].name: batch}))
        ranges = calibrator.compute_data()
    pixels = pixel_tensors(Graph(model))
    # onnxruntime would extend a range from 0 to 0 below 0. That is wrong where the range replaces a Relu.
    zeros = [name for name in ranges if not np.any(ranges[name].range_value)]
    for name, highest in [(name, 1) for name in zeros] + [(name, 255) for name in pixels if name in ranges]:
        ranges[name] = ort.TensorData(lowest=np.array(0, np.float32), highest=np.array(highest, np.float32))
    return ranges


def _batches(images: NDArray[Any], model: Any, prepare: Prepare) -> Iterator[NDArray[Any]]:
    """As many images as fit, or batches of the model's fixed size. The last batch repeats images to fill it."""
    size = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value
    for chunk in chunks(images, size or fitting(_activations(model), CALIBRATION_BYTES, CALIBRATION_IMAGES)):
        batch = prepare(chunk)
        yield np.resize(batch, (size or len(batch), *batch.shape[1:]))


def _activations(model: Any) -> int:
    """The bytes of all activations for one image."""
    graph = Graph(model)
    shapes = graph.shapes(1)
    return FLOAT32 * sum(prod(size or 1 for size in shapes.get(node.output[0], ())) for node in graph.nodes)


def quantize_static(model: Any, ranges: Any, form: Int8, kept_float: Collection[str] = ()) -> Any:
    """The ModelProto in static int8, except the nodes named in `kept_float`, without needless conversions.

    `ranges` come from `calibrate`. Raises ExportError if onnxruntime cannot quantize the model.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.transformers.onnx_model import OnnxModel

    types = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}
    copy = type(model)()
    copy.CopyFrom(model)  # the quantizer changes its input
    with quiet(), telling("quantized"):
        quantizer = QDQQuantizer(
            onnx_module().shape_inference.infer_shapes(copy),
            form.per_channel,
            form.reduce_range,
            types[form.weights],
            types[form.activations],
            deepcopy(ranges),  # the quantizer changes them too
            [],
            list(kept_float),
            sorted(quantizable()),
            {},
        )
        quantizer.quantize_model()
    quantized = quantizer.model.model
    OnnxModel.graph_topological_sort(quantized.graph)
    clean(quantized, model)
    return quantized


def dynamic(model: Any) -> Any:
    """The ModelProto with uint8 weights and with activations quantized at run time: small, but slow for convolutions.

    Raises ExportError if onnxruntime cannot quantize the model.
    """
    from onnxruntime import quantization as ort

    onnx = onnx_module()
    with scratch() as folder, quiet(), telling("quantized"):
        source, output = (folder / name for name in ("source.onnx", "output.onnx"))
        onnx.save(model, source)
        ort.quantize_dynamic(source, output, per_channel=True, weight_type=ort.QuantType.QUInt8)
        return onnx.load(output)


def float16(model: Any) -> Any:
    """The ModelProto with float16 weights. Its input and output keep their types. Raises ExportError if that fails."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    copy = type(model)()
    copy.CopyFrom(model)  # the converter changes its input
    with telling("made float16"):
        return convert_float_to_float16(copy, keep_io_types=True)


class _Once:
    """Hands one batch to onnxruntime's calibrator."""

    def __init__(self, feed: dict[str, NDArray[Any]]) -> None:
        self._feeds = iter([feed])

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._feeds, None)


@contextmanager
def telling(done: str) -> Iterator[None]:
    """Turn any exception into an ExportError that says what cannot be `done`, why, and what to try instead."""
    try:
        yield
    except Exception as error:  # onnxruntime raises a dozen unrelated types
        reason = " ".join(str(error).split())
        raise ExportError(f"the model cannot be {done}: {reason}; {ALTERNATIVE}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence onnxruntime's quantizer, which logs advice on the root logger, and its calibrators, which print."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.root.setLevel(level)
