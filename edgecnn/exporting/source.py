"""Source: what `export` asks of a model, whichever tool wrote it."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.selection import Selection


class Source(Protocol):
    """A model with one image input and one output of scores, `outputs` of them for each image.

    `trial_shape` is the shape of an image that it can take, `selection` what was chosen of several outputs, and
    `precision` that of the ONNX file to make. `trained` is False if no training has changed the weights. `stated` and
    `metadata` are what the file says of itself. `packages` are those that read it.
    """

    @property
    def path(self) -> Path: ...
    @property
    def input(self) -> InputSpec: ...
    @property
    def trial_shape(self) -> tuple[int, ...]: ...
    @property
    def outputs(self) -> int: ...
    @property
    def parameters(self) -> int: ...
    @property
    def selection(self) -> Selection: ...
    @property
    def precision(self) -> str: ...
    @property
    def trained(self) -> bool: ...
    @property
    def stated(self) -> Preprocessing | None: ...
    @property
    def metadata(self) -> ModelMetadata: ...
    @property
    def packages(self) -> tuple[str, ...]: ...

    def convert(self, opset: int) -> bytes:
        """The model as an ONNX file with that opset, if it is not one yet."""

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """The scores, float32 [n, outputs], of a prepared batch."""

    def scores(self, images: NDArray[Any], spec: InputSpec) -> NDArray[np.float32]:
        """The scores, float32 [n, outputs], of images as `spec` takes them."""
