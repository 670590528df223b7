"""[onnx] Smaller precisions of a float32 ONNX file: static int8 (QDQ), dynamic int8, float16."""

import logging
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgecnn.errors import ExportError
from edgecnn.exporting.graph import metadata, onnx_module, use_oldest_format
from edgecnn.exporting.schemes import S8S8, U8S8, U8S8_REDUCED, Int8, Target

CALIBRATION_CHUNK = 64  # images a calibration run


def int8_for(target: Target) -> Int8:
    """The form of int8 that `target` runs fast and exactly. "x86-64" and "any" assume no VNNI, "host" looks."""
    machine = platform.machine().lower()
    if target == "arm64" or (target == "host" and machine in ("aarch64", "arm64")):
        return S8S8
    return U8S8 if target == "host" and has_vnni() else U8S8_REDUCED


def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU says that it multiplies 8-bit values exactly; False where the system does not say."""
    try:
        flags = cpuinfo.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags


def static(model: Path, output: Path, images: NDArray[Any], form: Int8) -> None:
    """Write `model` in static int8, QDQ form, with a scale per output channel of each weight.

    `images` are calibration images as the model takes them. Raises ExportError, MissingDependencyError.
    """
    onnx = onnx_module()
    from onnxruntime import quantization as ort

    types = {"uint8": ort.QuantType.QUInt8, "int8": ort.QuantType.QInt8}
    source = onnx.load(model)
    graph = onnx.load(model)  # the quantiser changes what it is given
    with _quiet():
        try:
            ort.quantize_static(
                graph,
                output,
                _reader(images, graph.graph.input[0].name),
                quant_format=ort.QuantFormat.QDQ,
                activation_type=types[form.activations],
                weight_type=types[form.weights],
                per_channel=True,
                reduce_range=form.reduce_range,
            )
        except (ValueError, RuntimeError, KeyError) as error:
            raise ExportError(f"{model} cannot be quantised: {error}; try --scheme dynamic or float16") from error
    _finish(output, source)


def dynamic(model: Path, output: Path) -> None:
    """Write `model` with int8 weights and activations quantised as they come: small, but slow for convolutions."""
    source = onnx_module().load(model)
    from onnxruntime import quantization as ort

    with _quiet():
        ort.quantize_dynamic(model, output, per_channel=True, weight_type=ort.QuantType.QUInt8)
    _finish(output, source)


def float16(model: Path, output: Path) -> None:
    """Write `model` with half the bytes a weight; input and output stay as they are."""
    onnx = onnx_module()
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(model), keep_io_types=True), output)
    _finish(output, onnx.load(model))


def _reader(images: NDArray[Any], input_name: str) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._batches: Iterator[int] = iter(range(0, len(images), CALIBRATION_CHUNK))

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            start = next(self._batches, None)
            return None if start is None else {input_name: images[start : start + CALIBRATION_CHUNK]}

    return Reader()


def _finish(path: Path, source: Any) -> None:
    """Put back what onnxruntime's tools drop: metadata, producer, order, and a format that older runtimes read."""
    onnx = onnx_module()
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = onnx.load(path)
    OnnxModel.graph_topological_sort(model.graph)
    onnx.helper.set_model_props(model, metadata(source))
    model.producer_name, model.doc_string = "edgecnn", ""
    use_oldest_format(model)
    onnx.save(model, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime's quantiser logs advice on the root logger."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
