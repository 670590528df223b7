"""What a model file is: its input and output, graph, precision and history."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.errors import MissingDependencyError, ModelError
from edgecnn.folder import BUNDLE_SUFFIX, ModelFolder, find, find_onnx
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.variants import choose

if TYPE_CHECKING:
    from edgecnn.graph.coverage import Coverage
    from edgecnn.graph.fast_paths import Judged

FLOAT = "float32"
TYPES = {"uint8": "U8", "int8": "S8"}


@dataclass(frozen=True)
class Pixels:
    """What pictures a file takes, such as "28×28, gray", and what becomes of their pixels before it takes them.

    `name` is how --preprocess says it, `formula` how people write it, and `known_by` by what it is known.
    """

    pictures: str
    name: str
    formula: str
    known_by: str
    preprocessing: Preprocessing

    def __str__(self) -> str:
        known = {
            "assumption": "assumed: the file does not say it",
            "its first operators": "as its first operators show",
        }
        doubt = f" ({known[self.known_by]})" if self.known_by in known else ""
        return f"{self.pictures}; {replace(self.preprocessing, size=None)}{doubt}"


@dataclass(frozen=True)
class ModelInfo:
    """One ONNX file.

    `pixels` is how it wants its pictures. `graph` holds opset, ir_version, operators, parameters and macs (None where
    shapes are open).

    `coverage` tells what of a quantized file runs in int8 here; None for a float32 file, and without the onnx package.
    `fast_paths`, if asked for, are the convolutions as each processor runs them in int8, or would run a float32
    file's. `notes` say why a file does not suit this processor, or its folder's card not the file. `chosen` says why
    this file of its folder is the one that runs here; it is None for the others, and for a file that the user named.
    """

    path: Path
    bytes: int
    precision: str
    input: str
    pixels: Pixels
    output: str
    labels: tuple[str, ...]
    graph: dict[str, Any]
    metadata: dict[str, Any]
    coverage: "Coverage | None"
    notes: tuple[str, ...]
    fast_paths: "tuple[Judged, ...] | None" = None
    chosen: str | None = None


def inspect(model: str | Path, *, fast_paths: bool = False) -> list[ModelInfo]:
    """Describe an ONNX file, or each one of a model folder.

    A file of edgecnn's says what it is made of; for another's, and for `fast_paths`, the onnx package is needed, or
    MissingDependencyError is raised. Raises UsageError and ModelError.
    """
    path = find(model)
    files = ModelFolder(path).onnx_files() if path.is_dir() else [path]
    if path.is_file() and path.suffix == Path(BUNDLE_SUFFIX).suffix:
        find_onnx(path)  # which says what to do with a bundle
    if not files or (path.is_file() and path.suffix != ".onnx"):
        raise ModelError(f"{path} holds no ONNX model: run 'edgecnn export {path}' first")
    described = [_inspect(file, fast_paths) for file in files]
    if not path.is_dir():
        return described
    choice = choose(path)
    return [replace(item, chosen=choice.why) if item.path == choice.path else item for item in described]


def precision_of(quantization: Mapping[str, Any]) -> str:
    """How a file was quantized, such as "static int8 U8S8", where the types are of activations and of weights.

    Dynamic quantization makes uint8 activations: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
    """
    if "weights" not in quantization:
        return str(quantization["scheme"])
    types = (str(quantization.get("activations", "uint8")), str(quantization["weights"]))
    return f"{quantization['scheme']} int8 {''.join(TYPES.get(name, name) for name in types)}"


def _inspect(path: Path, fast_paths: bool) -> ModelInfo:
    classifier = Classifier(path)
    said = classifier.metadata
    graph = asdict(said.graph) if said.graph else _describe(path)
    precision = _precision(said.quantization, graph["operators"])
    coverage = None if precision == FLOAT else _coverage(path)
    return ModelInfo(
        path=path,
        bytes=path.stat().st_size,
        precision=precision,
        input=f"{classifier.input_name}: {classifier.input}",
        pixels=_pixels(classifier),
        output=f"{classifier.output_name}: float32 [batch, {len(classifier.labels)}]",
        labels=classifier.labels,
        graph=graph,
        metadata=replace(said, labels=(), graph=None).plain(),
        coverage=coverage,
        notes=(*classifier.notes, *([note] if (note := ModelFolder(path.parent).card_note(path)) else ())),
        fast_paths=_fast_paths(path, coverage) if fast_paths else None,
    )


def _pixels(classifier: Classifier) -> Pixels:
    how = classifier.input.preprocessing
    return Pixels(_pictures(classifier.input), how.name, how.formula, classifier.known_by, how)


def _pictures(spec: InputSpec) -> str:
    layout = spec.layout
    if layout is None:
        return "no pictures with 1 or 3 channels"
    height, width = spec.preprocessing.size or (layout.height, layout.width)
    size = "any size" if None in (height, width) else f"{height}×{width}"
    first = ", channels first" if layout.axis == -3 else ""
    return f"{size}, {'gray' if layout.channels == 1 else 'color'}{first}{', flat' if layout.axis is None else ''}"


def _coverage(path: Path) -> "Coverage | None":
    from edgecnn.graph.coverage import coverage

    try:
        return coverage(path)
    except MissingDependencyError:  # as on a Raspberry Pi: what the file is can be told without
        return None


def _fast_paths(path: Path, coverage: "Coverage | None") -> "tuple[Judged, ...]":
    """What runs in int8 already is judged as it is; the rest as it would be."""
    from edgecnn.graph.convolutions import judged_convolutions

    return judged_convolutions(path) + (coverage.convolutions if coverage else ())


def _describe(path: Path) -> dict[str, Any]:
    from edgecnn.graph.describe import describe
    from edgecnn.graph.loading import load_model, telling_of_damage

    model = load_model(path)
    with telling_of_damage(path):
        return asdict(describe(model))


def _precision(quantization: Mapping[str, Any], operators: Mapping[str, int]) -> str:
    if quantization:
        return precision_of(quantization)
    return "int8" if any("QuantizeLinear" in op or "Integer" in op for op in operators) else FLOAT
