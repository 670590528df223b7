"""[TensorFlow] Loads a `.keras`, `.h5` or SavedModel, and finds out what it takes and returns."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import ExportError, ModelError
from edgecnn.runtime.input_spec import DTYPES, PIXEL_SCALE, InputSpec
from edgecnn.training.backend import in_chunks, keras, tensorflow

PURPOSE = "loading a TensorFlow model"
INPUT_NAME = "image"
SCALING = ("Rescaling", "Normalization")  # the Keras layers that scale pixels
FREE_SIZE = 64  # pixels: the height and width of trial images for a model that allows any size


@dataclass(frozen=True)
class Loaded:
    """A TensorFlow model that was loaded but not run yet. `keras` is the Keras model, or None for a SavedModel."""

    keras: Any | None
    call: Callable[[Any], Any]
    signature: Any  # the input's tf.TensorSpec
    parameters: int

    def input(self, scale: float) -> InputSpec:
        """The model's input. The pixels of a float model are multiplied by `scale`."""
        dtype = self.signature.dtype.name
        return InputSpec(tuple(self.signature.shape[1:]), dtype, 1.0 if dtype == "uint8" else scale)

    def compiled(self) -> Callable[[Any], Any]:
        """The model as a tf.function."""
        return tensorflow(PURPOSE).function(self.call, input_signature=[self.signature])  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Original:
    """A TensorFlow model with one image input and one output of class probabilities.

    `forward` is a tf.function from a prepared batch to probabilities. `keras` is the Keras model, or None for a
    SavedModel. `softmax_added` is True if the file's own output is logits.
    """

    path: Path
    input: InputSpec
    classes: int
    parameters: int
    forward: Callable[[Any], Any]
    keras: Any | None
    softmax_added: bool

    def predict(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities, float32 [n, classes], computed in chunks to bound the memory. Raises InputError."""
        return in_chunks(self.forward, self.input.prepare(images))


def load_original(path: Path, scale: float | None = None) -> Original:
    """Load a model. The pixels of a float model are multiplied by `scale`.

    By default the scale is 1 if the model has a layer that scales pixels, and 1/255 if it has none. Raises
    MissingDependencyError, ModelError for a damaged or unsafe file, and ExportError for a model that is not an image
    classifier.
    """
    loaded = load(path)
    if scale is None:
        layers = loaded.keras.layers if loaded.keras else ()
        scale = 1.0 if any(type(layer).__name__ in SCALING for layer in layers) else PIXEL_SCALE
    return _tried(path, loaded, scale)


def load(path: Path) -> Loaded:
    """Open a `.keras`, `.h5` or SavedModel without running it. Raises as `load_original` does."""
    tensorflow(PURPOSE)
    return _load_saved(path) if path.is_dir() else _load_keras(path)


def _load_keras(path: Path) -> Loaded:
    tf = tensorflow(PURPOSE)
    try:
        model = keras(PURPOSE).models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file can raise anything
        if "lambda" in str(error).lower():
            raise ModelError(
                f"{path} holds a Lambda layer, and code in model files is never run: "
                "rebuild the model with Keras layers only"
            ) from error
        raise ModelError(f"{path} is damaged or not a Keras model ({first_line(error)}): save it again") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExportError(
            f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; an image classifier has one each"
        )
    spec = tf.TensorSpec((None, *model.inputs[0].shape[1:]), model.inputs[0].dtype, name=INPUT_NAME)
    return Loaded(model, lambda image: model(image, training=False), spec, model.count_params())


def _load_saved(path: Path) -> Loaded:
    tf = tensorflow(PURPOSE)
    try:
        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
    except Exception as error:  # a damaged file can raise anything here too
        raise ModelError(f"{path} is damaged or not a SavedModel ({first_line(error)}): save it again") from error
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ExportError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; an image classifier has one each"
        )
    (name, spec), (output,) = next(iter(inputs.items())), outputs

    def call(image: Any) -> Any:
        return signature(**{name: image})[output]

    call.keep_alive = loaded  # type: ignore[attr-defined]  # a signature does not keep its variables alive
    parameters = sum(int(np.prod(variable.shape)) for variable in signature.variables)
    return Loaded(None, call, tf.TensorSpec((None, *spec.shape[1:]), spec.dtype, name=INPUT_NAME), parameters)


def _tried(path: Path, loaded: Loaded, scale: float) -> Original:
    """Run the model on four images of noise, and check that it returns probabilities or logits."""
    tf = tensorflow(PURPOSE)
    spec = loaded.input(scale)
    if spec.dtype not in DTYPES or loaded.signature.shape.rank not in (3, 4):
        raise ExportError(
            f"{path} takes {spec.dtype} {loaded.signature.shape}: an image classifier takes [batch, height, width, …]"
        )
    noise = np.random.default_rng(0).integers(0, 256, (4, *(size or FREE_SIZE for size in spec.shape)), np.uint8)
    returned = np.asarray(loaded.call(tf.constant(spec.prepare(noise))))
    if returned.ndim != 2 or returned.shape[1] < 2:
        raise ExportError(
            f"{path} returns {list(returned.shape)} for 4 images: an image classifier returns [4, classes]"
        )
    logits = not _are_probabilities(returned)
    whole = replace(loaded, call=lambda image: tf.nn.softmax(loaded.call(image))) if logits else loaded
    return Original(path, spec, returned.shape[1], loaded.parameters, whole.compiled(), loaded.keras, logits)


def _are_probabilities(rows: NDArray[Any]) -> bool:
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3))


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
