"""[TensorFlow] Saves Keras models in the forms that people publish: .keras, HDF5, HDF5 of Keras 2, SavedModels."""

import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.third_party.network import Network
from edgecnn.training.backend import tensorflow

PURPOSE = "saving third-party networks"
OPTIONS = ("name", "trainable", "dtype")  # of every layer in Keras 2


def save(k: Any, model: Any, network: Network) -> None:
    network.folder.mkdir(parents=True, exist_ok=True)
    match network.form:
        case "keras" | "h5":
            model.save(network.file)
        case "keras 2":
            _save_keras_2(model, network.file)
        case "export":
            with redirect_stdout(StringIO()):
                model.export(network.file, verbose=False)
        case "saved model":
            _save_signatures(model, network.file)


def _save_signatures(model: Any, folder: Path) -> None:
    """A SavedModel with several signatures, of which one is the usual one."""
    tf = tensorflow(PURPOSE)
    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="pixels")

    class Served(tf.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = model.variables

        @tf.function(input_signature=[spec])  # type: ignore[untyped-decorator]
        def scores(self, pixels: Any) -> Any:
            return {"scores": model(pixels, training=False)}

        @tf.function(input_signature=[spec])  # type: ignore[untyped-decorator]
        def digit(self, pixels: Any) -> Any:
            return {"digit": tf.argmax(model(pixels, training=False), axis=-1)}

    served = Served()
    tf.saved_model.save(served, str(folder), signatures={"serving_default": served.scores, "digit": served.digit})


def _save_keras_2(model: Any, path: Path) -> None:
    """HDF5 as tf.keras 2.12 writes it: its configuration, and weights by layer."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.12.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(_config_of(model))
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        group.attrs["keras_version"], group.attrs["backend"] = "2.12.0", "tensorflow"
        for layer in model.layers:
            own, names = group.create_group(layer.name), []
            for weight in layer.weights:
                names.append(f"{layer.name}/{weight.name}:0")
                own.create_dataset(names[-1], data=np.asarray(weight))
            own.attrs["weight_names"] = [name.encode() for name in names]


def _config_of(model: Any) -> dict[str, Any]:
    kind = type(model).__name__
    if kind == "Sequential":
        layers = [_input(model.inputs[0].shape, f"{model.layers[0].name}_input"), *map(_layer, model.layers)]
        return {"class_name": kind, "config": {"name": model.name, "layers": layers}}
    config = model.get_config()
    layers = [
        _layer(layer) | {"name": layer.name, "inbound_nodes": list(_inbound(stored["inbound_nodes"]))}
        for layer, stored in zip(model.layers, config["layers"], strict=True)
    ]
    ends = {key: [config[key]] if isinstance(config[key][0], str) else config[key] for key in _ENDS}
    return {"class_name": "Functional", "config": {"name": model.name, "trainable": True, "layers": layers, **ends}}


_ENDS = ("input_layers", "output_layers")


def _inbound(nodes: list[Any]) -> Iterator[list[Any]]:
    """[[name, node, tensor, {}], …] for each call of a layer."""
    for node in nodes:
        tensors = node["args"][0] if isinstance(node["args"][0], list) else [node["args"][0]]
        yield [[*tensor["config"]["keras_history"], {}] for tensor in tensors]


def _input(shape: Any, name: str) -> dict[str, Any]:
    config = {"batch_input_shape": list(shape), "dtype": "float32", "sparse": False, "ragged": False, "name": name}
    return {"class_name": "InputLayer", "config": config}


def _layer(layer: Any) -> dict[str, Any]:
    kind = type(layer).__name__
    if kind == "InputLayer":
        return _input(layer.batch_shape, layer.name)
    config = {key: _plain(value) for key, value in layer.get_config().items() if key not in ("quantization_config",)}
    if kind == "BatchNormalization":
        config = {key: value for key, value in config.items() if not key.startswith(("renorm", "synchronized"))}
        config["axis"] = [config["axis"]]
    return {"class_name": kind, "config": config | {"dtype": "float32"}}


def _plain(value: Any) -> Any:
    """A part of a configuration without the module and the registered name that Keras 3 adds."""
    if isinstance(value, Mapping) and "class_name" in value:
        return {"class_name": value["class_name"], "config": _plain(value["config"])}
    return value
