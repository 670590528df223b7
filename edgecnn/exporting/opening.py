"""[TensorFlow] Opens a Keras model or a SavedModel that was inspected, and says what its one input is."""

import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.errors import EdgecnnError, ExportError, ModelError
from edgecnn.exporting import hdf5, saved_model
from edgecnn.exporting.inference_form import inference_form
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.input_spec import ASSUMED, InputSpec
from edgecnn.training.backend import keras, tensorflow

PURPOSE = "loading a TensorFlow model"
INPUT_NAME = "image"
SERVING = "serving_default"  # the signature that TensorFlow's tools call if they are not told which
LONGEST = 200  # characters kept of a library's message
KERAS_2 = ("Unrecognized keyword arguments", "Unrecognized keyword argument", "unexpected keyword argument")


@dataclass(frozen=True)
class Loaded:
    """A TensorFlow model that was loaded but not run yet. `keras` is the Keras model, or None for a SavedModel.

    `signature` is the tf.TensorSpec of its input, whose first dimension is the batch: None if it takes any.
    """

    keras: Any | None
    call: Callable[[Any], Any]
    signature: Any
    parameters: int

    def input(self, preprocessing: Preprocessing = ASSUMED) -> InputSpec:
        """The model's input; `preprocessing` is for a float model."""
        shape, dtype = tuple(self.signature.shape[1:]), self.signature.dtype.name
        return InputSpec(shape, dtype) if dtype == "uint8" else InputSpec(shape, dtype, preprocessing)

    def compiled(self) -> Callable[[Any], Any]:
        """The model as a tf.function."""
        return tensorflow(PURPOSE).function(self.call, input_signature=[self.signature], autograph=False)  # type: ignore[no-any-return]


def open_keras(path: Path) -> Loaded:
    """Open a `.keras` or `.h5` file. Raises ModelError and ExportError."""
    tf = tensorflow(PURPOSE)
    try:
        model = keras(PURPOSE).models.load_model(path, compile=False, safe_mode=True)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:  # a damaged file can raise anything
        raise _not_loaded(path, error) from error
    with suppress(Exception):  # what cannot be rebuilt is tried as it is, and told what it lacks
        model = inference_form(model)
    inputs, outputs = tf.nest.flatten(model.inputs), tf.nest.flatten(model.outputs)
    _require_one_each(path, len(inputs), len(outputs))
    batch, *sizes = inputs[0].shape
    spec = tf.TensorSpec((batch, *sizes), inputs[0].dtype, name=INPUT_NAME)

    def call(image: Any) -> Any:
        return tf.nest.flatten(model(image, training=False))[0]  # one output may come in a dictionary

    return Loaded(model, call, spec, model.count_params())


def open_saved_model(path: Path) -> Loaded:
    """Open the folder of a SavedModel. Raises ModelError and ExportError."""
    tf = tensorflow(PURPOSE)
    try:
        loaded = tf.saved_model.load(str(path))
        signature = _signature(path, loaded.signatures)
        inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    except (EdgecnnError, MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:  # a damaged file can raise anything here too
        raise ModelError(f"{path} is damaged or not a SavedModel ({first_line(error)}): save it again") from error
    _require_one_each(path, len(inputs), len(outputs))
    saved_model.require_pure(path, signature.graph.as_graph_def())
    (name, given), (output,) = next(iter(inputs.items())), outputs

    def call(image: Any) -> Any:
        return signature(**{name: image})[output]

    call.keep_alive = loaded  # type: ignore[attr-defined]  # a signature does not keep its variables alive
    parameters = sum(int(np.prod(variable.shape)) for variable in signature.variables)
    if given.shape.rank is None:
        raise ExportError(f"{path} does not say what shape it takes: export it again from Keras")
    return Loaded(None, call, tf.TensorSpec(given.shape, given.dtype, name=INPUT_NAME), parameters)


def _signature(path: Path, signatures: Any) -> Any:
    """The signature to call: the usual one, or the only one."""
    names = list(signatures)
    if SERVING in names or len(names) == 1:
        return signatures[SERVING if SERVING in names else names[0]]
    found = f"has the signatures {', '.join(sorted(names))}" if names else "has no signature"
    raise ExportError(f"{path} {found}, and none called {SERVING}: save it again with signatures={{'{SERVING}': …}}")


def _require_one_each(path: Path, inputs: int, outputs: int) -> None:
    if (inputs, outputs) != (1, 1):
        raise ExportError(
            f"{path} has {inputs} inputs and {outputs} outputs, and an image classifier has one each: save a model "
            "that has only the output with the classes, such as keras.Model(model.inputs, model.outputs[0])"
        )


def _not_loaded(path: Path, error: Exception) -> EdgecnnError:
    """Why Keras did not load a file that is whole as far as the inspection went."""
    if _keras_version(path).startswith(("1.", "2.")) or any(words in str(error) for words in KERAS_2):
        return ExportError(
            f"{path} is of Keras 2, and Keras 3 cannot read it ({first_line(error)}): open it with the package "
            "tf_keras, run model.export('folder'), and then export that folder"
        )
    return ModelError(f"{path} cannot be loaded by Keras ({first_line(error)}): save it again with Keras 3")


def _keras_version(path: Path) -> str:
    """The version of Keras that wrote a file; empty if it does not say."""
    with suppress(OSError, ValueError, KeyError, EdgecnnError, zipfile.BadZipFile):
        if not zipfile.is_zipfile(path):
            return hdf5.text_of(path, "keras_version") or ""
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("metadata.json"))["keras_version"])
    return ""


def first_line(error: Exception) -> str:
    """The first line of a library's message, or of the one that Keras quotes in its own, cut where it is long."""
    message = str(error).rpartition("Exception encountered: ")[2].strip() or type(error).__name__
    return message.splitlines()[0][:LONGEST]
