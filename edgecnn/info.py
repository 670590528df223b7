"""What a model file is: its interface, graph, precision and origin."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.errors import MissingDependencyError, ModelError
from edgecnn.folder import ModelFolder, find
from edgecnn.runtime.classifier import Classifier

if TYPE_CHECKING:
    from edgecnn.graph.coverage import Coverage

GRAPH_KEYS = {"opset", "ir_version", "operators", "parameters", "macs"}
FLOAT = "float32"


@dataclass(frozen=True)
class ModelInfo:
    """One ONNX file. `graph` holds opset, ir_version, operators, parameters and macs (None where shapes are open).

    `coverage` tells what of a quantized file runs in int8 here; None for a float32 file, and without the onnx package.
    `notes` say why a file does not suit this processor.
    """

    path: Path
    bytes: int
    precision: str
    input: str
    output: str
    labels: tuple[str, ...]
    graph: dict[str, Any]
    metadata: dict[str, Any]
    coverage: "Coverage | None"
    notes: tuple[str, ...]


def inspect(model: str | Path) -> list[ModelInfo]:
    """Describe an ONNX file, or each one of a model folder. Raises ModelError.

    A file of edgecnn's says what it is made of; for another's the onnx package is needed, or MissingDependencyError.
    """
    path = find(model)
    files = ModelFolder(path).onnx_files() if path.is_dir() else [path]
    if not files or (path.is_file() and path.suffix != ".onnx"):
        raise ModelError(f"{path} holds no ONNX model: run 'edgecnn export {path}' first")
    return [_inspect(file) for file in files]


def _inspect(path: Path) -> ModelInfo:
    classifier = Classifier(path)
    metadata = {key: _plain(value) for key, value in sorted(classifier.metadata.items())}
    recorded = metadata.pop("graph", None)
    graph = recorded if isinstance(recorded, dict) and set(recorded) >= GRAPH_KEYS else _describe(path)
    precision = _precision(metadata, graph["operators"])
    return ModelInfo(
        path=path,
        bytes=path.stat().st_size,
        precision=precision,
        input=f"{classifier.input_name}: {classifier.input}",
        output=f"{classifier.output_name}: float32 [batch, {len(classifier.labels)}]",
        labels=classifier.labels,
        graph=graph,
        metadata=metadata,
        coverage=None if precision == FLOAT else _coverage(path),
        notes=classifier.notes,
    )


def _coverage(path: Path) -> "Coverage | None":
    from edgecnn.graph.coverage import coverage

    try:
        return coverage(path)
    except MissingDependencyError:  # as on a Raspberry Pi: what the file is can be told without
        return None


def _describe(path: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from edgecnn.graph.describe import describe
    from edgecnn.graph.graph import onnx_module

    return asdict(describe(onnx_module().load(path)))


def _precision(metadata: dict[str, Any], operators: dict[str, int]) -> str:
    quantization = metadata.get("quantization")
    if isinstance(quantization, dict):
        types = [str(quantization[key]) for key in ("activations", "weights") if key in quantization]
        return " ".join([str(quantization["scheme"]), *(["int8"] if types else []), "/".join(types)]).strip()
    quantized = any("QuantizeLinear" in op or "Integer" in op for op in operators)
    return "int8" if quantized else FLOAT


def _plain(value: str) -> Any:
    """A metadata entry as the JSON it holds, or as the text it is."""
    try:
        return json.loads(value) if value[:1] in '[{"' else value
    except ValueError:
        return value
