"""[TensorFlow] The original of an ONNX file: a TensorFlow model that takes images and returns a score for each class.

A model from outside is loaded here in the process that calls. `edgecnn.exporting.isolated` does it in another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import ExportError
from edgecnn.exporting import forms, keras_file, saved_model
from edgecnn.exporting.opening import PURPOSE, Loaded, first_line, open_keras, open_saved_model
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.input_spec import ASSUMED, DTYPES, InputSpec
from edgecnn.runtime.scores import recognize, to_probabilities
from edgecnn.selection import USUAL, Selection
from edgecnn.training.backend import in_chunks, tensorflow

FREE_SIZES = (64, 224, 384)  # pixels: heights and widths of trial images for a model that allows any size
TRIED = 4  # images of noise in the first run
MOST_NUMBERS = 2**24  # of one image: 2,300 pixels square in color


@dataclass(frozen=True)
class Original:
    """A TensorFlow model with one image input and one output of scores, `outputs` of them for each image.

    `forward` is a tf.function from a prepared batch to scores. `keras` is the Keras model, or None for a SavedModel.
    `trial_shape` is the shape of an image that it was tried with: that of its input, and for a free size one that it
    can take. `selection` is what was chosen of several signatures and outputs. `trained` is False if no training has
    changed the weights.
    """

    path: Path
    input: InputSpec
    trial_shape: tuple[int, ...]
    outputs: int
    parameters: int
    forward: Callable[[Any], Any]
    keras: Any | None
    selection: Selection = USUAL
    trained: bool = True

    def predict(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities, float32 [n, classes], computed in chunks to bound the memory. Raises InputError."""
        scores = in_chunks(lambda chunk: self.forward(self.input.prepare(chunk)), images)
        return to_probabilities(scores, recognize(scores))


def load_original(path: Path, preprocessing: Preprocessing = ASSUMED) -> Original:
    """Load a model; `preprocessing` is for one that takes float numbers.

    Raises MissingDependencyError, ModelError for a damaged or unsafe file, and ExportError for a model that is not an
    image classifier.
    """
    return tried(path, load(path), preprocessing)


def load(path: Path, wanted: Selection = USUAL) -> Loaded:
    """Inspect a `.keras`, `.h5` or SavedModel, and open what is `wanted` of it, without running it.

    Raises as `load_original` does, and UsageError if it does not have what is wanted.
    """
    inspect(path)
    return open_saved_model(path, wanted) if path.is_dir() else open_keras(path, wanted)


def inspect(path: Path) -> None:
    """Raise ModelError or ExportError if a model is of another form, or more than a network. Runs nothing of it."""
    forms.require_loadable(path)
    if path.is_dir():
        saved_model.inspect(path)
    else:
        keras_file.inspect(path)


def tried(path: Path, loaded: Loaded, preprocessing: Preprocessing = ASSUMED) -> Original:
    """Run the model on four images of noise. Raises ExportError if it is not an image classifier."""
    _require_images(path, loaded)
    spec = loaded.input(preprocessing)
    returned, shape = _first_run(path, loaded, spec)
    if returned.ndim != 2 or not returned.shape[1]:
        raise ExportError(
            f"{path} returns {list(returned.shape)} for {TRIED} images, and an image classifier returns "
            f"[{TRIED}, classes]: end the network with a Dense layer of one unit per class"
        )
    return Original(
        path,
        spec,
        shape,
        returned.shape[1],
        loaded.parameters,
        loaded.compiled(),
        loaded.keras,
        loaded.selection,
        loaded.trained,
    )


def _require_images(path: Path, loaded: Loaded) -> None:
    batch, *sizes = loaded.signature.shape
    dtype = loaded.signature.dtype.name
    if dtype not in DTYPES or not _can_be_images(sizes):
        raise ExportError(
            f"{path} takes {dtype} {list(loaded.signature.shape)}, and an image classifier takes float32 or uint8 "
            "[batch, height, width, …]: begin the network with such an input and a Reshape"
        )
    if batch is not None:
        raise ExportError(
            f"{path} takes batches of {batch} only: build the network with keras.Input(shape=…), which leaves "
            "the batch free, and without stateful layers; give it the weights with new.set_weights(old.get_weights())"
        )
    if prod(size or FREE_SIZES[-1] for size in sizes) > MOST_NUMBERS:
        raise ExportError(
            f"{path} takes images of {sizes}, more than {MOST_NUMBERS:,} numbers: build it for smaller ones"
        )


def _can_be_images(sizes: list[int | None]) -> bool:
    """Whether the dimensions after the batch are those of an image, or all of its pixels in one."""
    return len(sizes) in (2, 3) or (len(sizes) == 1 and InputSpec(tuple(sizes), "float32").layout is not None)


def _first_run(path: Path, loaded: Loaded, spec: InputSpec) -> tuple[NDArray[Any], tuple[int, ...]]:
    """What the model returns for noise, and its shape: for a free size the smallest of FREE_SIZES that it can take."""
    tf = tensorflow(PURPOSE)
    failure: Exception | None = None
    for free in FREE_SIZES if None in spec.shape else FREE_SIZES[:1]:
        shape = tuple(size or free for size in spec.shape)
        noise = np.random.default_rng(0).integers(0, 256, (TRIED, *shape), np.uint8)
        try:
            return _array(path, loaded.call(tf.constant(spec.prepare(noise)))), shape
        except (ExportError, MemoryError, tf.errors.ResourceExhaustedError):
            raise
        except Exception as error:  # a layer can raise anything
            failure = failure or error
    assert failure is not None
    raise _not_run(path, loaded, failure) from failure


def _array(path: Path, returned: Any) -> NDArray[Any]:
    """The model's answer as an array."""
    try:
        return np.asarray(returned, np.float32)
    except (TypeError, ValueError) as error:
        raise ExportError(f"{path} returns no numbers ({first_line(error)}): end it with a Dense layer") from error


def _not_run(path: Path, loaded: Loaded, error: Exception) -> ExportError:
    layers = loaded.keras.layers if loaded.keras else ()
    if any(getattr(layer, "data_format", "") == "channels_first" for layer in layers) or "NHWC" in str(error):
        return ExportError(
            f"{path} has layers with the channels first, which TensorFlow cannot run on this processor: build the "
            "network with data_format='channels_last', and give it the weights with new.set_weights(old.get_weights())"
        )
    return ExportError(
        f"{path} cannot be run on images of {list(loaded.signature.shape[1:])} ({first_line(error)}): "
        "try it with model.predict in Keras"
    )
