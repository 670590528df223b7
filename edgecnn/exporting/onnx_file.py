"""[onnx] An ONNX file of another tool, as the original of a copy that describes itself."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import ExportError
from edgecnn.graph.describe import describe
from edgecnn.graph.loading import load_model, telling_of_damage
from edgecnn.graph.outputs import keep_output
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.selection import USUAL, Selection


@dataclass(frozen=True)
class OnnxFile:
    """What IsolatedModel is for a TensorFlow model. `proto` is its ModelProto with one output."""

    classifier: Classifier
    proto: Any
    selection: Selection
    trained: bool = True

    @property
    def path(self) -> Path:
        return self.classifier.path

    @property
    def input(self) -> InputSpec:
        return self.classifier.input

    @property
    def trial_shape(self) -> tuple[int, ...]:
        return tuple(size or 1 for size in self.input.shape)

    @property
    def outputs(self) -> int:
        return self.classifier.outputs

    @cached_property
    def parameters(self) -> int:
        return describe(self.proto).parameters

    @property
    def metadata(self) -> ModelMetadata:
        return self.classifier.metadata

    @property
    def stated(self) -> Preprocessing | None:
        """What the file itself says, as one of edgecnn 0.1 does."""
        return self.metadata.preprocessing

    @property
    def packages(self) -> tuple[str, ...]:
        return ("onnx", "onnxruntime")

    @property
    def precision(self) -> str:
        """int8, float16 or float32, by its operators and its input."""
        if any("QuantizeLinear" in node.op_type or "Integer" in node.op_type for node in self.proto.graph.node):
            return "int8"
        return "float16" if self.input.dtype == "float16" else "float32"

    def convert(self, opset: int) -> bytes:  # noqa: ARG002 (its operators stay as they are)
        """The file with one output."""
        content: bytes = self.proto.SerializeToString()
        return content

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """The scores, float32 [n, outputs], of a prepared batch of any size. Raises ModelError."""
        return self.classifier.run_any(batch)

    def scores(self, images: NDArray[Any], spec: InputSpec) -> NDArray[np.float32]:
        """The scores, float32 [n, outputs], of images as `spec` takes them. Raises InputError and ModelError."""
        described = Classifier(self.path, preprocessing=spec.preprocessing, output=self.classifier.output_name)
        return described.scores(images)


def open_onnx(path: Path, output: str = "") -> OnnxFile:
    """Open an ONNX file that edgecnn did not write. `output` is which of several outputs to take.

    Raises ModelError for a damaged or unsafe file or another model than an image classifier, ExportError for a file
    that describes itself already, and UsageError for an unknown output.
    """
    classifier = Classifier(path, output=output or None)
    if not classifier.is_foreign:
        raise ExportError(f"{path} was written by edgecnn and describes itself: add --quantize to make it smaller")
    proto = load_model(path)
    selection = Selection(output=classifier.output_name) if len(proto.graph.output) > 1 else USUAL
    with telling_of_damage(path):
        keep_output(proto, classifier.output_name)
    return OnnxFile(classifier, proto, selection)
