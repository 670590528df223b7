"""[TensorFlow] Opens a Keras model or a SavedModel that was inspected, and says what its one input is."""

import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.errors import EdgecnnError, ExportError, ModelError, UsageError
from edgecnn.exporting import hdf5, saved_model
from edgecnn.exporting.inference_form import inference_form
from edgecnn.exporting.training_state import is_trained
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.input_spec import ASSUMED, InputSpec
from edgecnn.selection import USUAL, Selection, choose, choose_output
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
    `selection` is what was chosen of several signatures and outputs. `trained` is False if no training has changed it.
    """

    keras: Any | None
    call: Callable[[Any], Any]
    signature: Any
    parameters: int
    selection: Selection = USUAL
    trained: bool = True

    def input(self, preprocessing: Preprocessing = ASSUMED) -> InputSpec:
        """The model's input; `preprocessing` is for a float model."""
        shape, dtype = tuple(self.signature.shape[1:]), self.signature.dtype.name
        return InputSpec(shape, dtype) if dtype == "uint8" else InputSpec(shape, dtype, preprocessing)

    def compiled(self) -> Callable[[Any], Any]:
        """The model as a tf.function."""
        return tensorflow(PURPOSE).function(self.call, input_signature=[self.signature], autograph=False)  # type: ignore[no-any-return]


def open_keras(path: Path, wanted: Selection = USUAL) -> Loaded:
    """Open a `.keras` or `.h5` file. Raises ModelError, ExportError and UsageError."""
    tf = tensorflow(PURPOSE)
    if wanted.signature:
        raise UsageError(f"{path} is a Keras file, and only a SavedModel has signatures: leave --signature out")
    try:
        model = keras(PURPOSE).models.load_model(path, compile=False, safe_mode=True)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:  # a damaged file can raise anything
        raise _not_loaded(path, error) from error
    model, selection = _with_one_output(path, model, wanted.output)
    with suppress(Exception):  # what cannot be rebuilt is tried as it is, and told what it lacks
        model = inference_form(model)
    batch, *sizes = model.inputs[0].shape
    spec = tf.TensorSpec((batch, *sizes), model.inputs[0].dtype, name=INPUT_NAME)

    def call(image: Any) -> Any:
        return tf.nest.flatten(model(image, training=False))[0]  # one output may come in a dictionary

    return Loaded(model, call, spec, model.count_params(), selection, is_trained(model))


def _with_one_output(path: Path, model: Any, wanted: str) -> tuple[Any, Selection]:
    """The model, or of one with several outputs the part for the one that is `wanted`, by its key or its layer."""
    _require_one_input(path, len(model.inputs))
    outputs = _outputs(model)
    name = choose_output(path, list(outputs), wanted)
    if len(outputs) == 1:
        return model, USUAL
    return keras(PURPOSE).Model(model.inputs[0], outputs[name]), Selection(output=name)


def _outputs(model: Any) -> dict[str, Any]:
    """The outputs of a Keras model by name: its keys if it returns a dictionary, else its layers, else numbers."""
    outputs, layers = list(model.outputs), getattr(model, "output_names", ())
    if len(outputs) > 1 and isinstance(model.output, dict) and len(model.output) == len(outputs):
        return dict(model.output)
    names = layers if len(set(layers)) == len(outputs) else [f"output_{at}" for at in range(len(outputs))]
    return dict(zip(names, outputs, strict=True))


def open_saved_model(path: Path, wanted: Selection = USUAL) -> Loaded:
    """Open the folder of a SavedModel. Raises ModelError, ExportError and UsageError."""
    tf = tensorflow(PURPOSE)
    try:
        loaded = tf.saved_model.load(str(path))
        called = _signature(path, loaded.signatures, wanted.signature)
        signature = loaded.signatures[called]
        inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    except (EdgecnnError, MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:  # a damaged file can raise anything here too
        raise ModelError(f"{path} is damaged or not a SavedModel ({first_line(error)}): save it again") from error
    _require_one_input(path, len(inputs))
    output = choose_output(path, sorted(outputs), wanted.output)
    is_usual = called == SERVING or len(loaded.signatures) == 1
    selection = Selection("" if is_usual else called, output if len(outputs) > 1 else "")
    saved_model.require_pure(path, signature.graph.as_graph_def())
    ((name, given),) = inputs.items()

    def call(image: Any) -> Any:
        return signature(**{name: image})[output]

    call.keep_alive = loaded  # type: ignore[attr-defined]  # a signature does not keep its variables alive
    parameters = sum(int(np.prod(variable.shape)) for variable in signature.variables)
    if given.shape.rank is None:
        raise ExportError(f"{path} does not say what shape it takes: export it again from Keras")
    return Loaded(None, call, tf.TensorSpec(given.shape, given.dtype, name=INPUT_NAME), parameters, selection)


def _signature(path: Path, signatures: Any, wanted: str) -> str:
    """The signature to call: the one that is `wanted`, else the usual one or the only one."""
    if not list(signatures):
        raise ExportError(f"{path} has no signature: save it again with signatures={{'{SERVING}': …}}")
    return choose(path, "signature", sorted(signatures), wanted, usual=SERVING)


def _require_one_input(path: Path, inputs: int) -> None:
    if inputs != 1:
        raise ExportError(
            f"{path} has {inputs} inputs, and an image classifier has one: build a model that takes the picture alone, "
            "with keras.Model(inputs, outputs)"
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
