"""Keras files that run code, load other models, or reach for other files."""

import base64
import io
import json
import marshal
import pickle
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from payloads.catalogue import Place, payload
from payloads.in_pictures import Runs

from edgecnn.training.backend import keras

KERAS, H5 = "export model.keras --out out", "export model.h5 --out out"
Config = dict[str, Any]
Members = Mapping[str | zipfile.ZipInfo, bytes]


def part(module: str | None, name: str, config: Mapping[str, Any], registered: str | None = None) -> Config:
    """An object as Keras writes it."""
    return {"module": module, "class_name": name, "config": dict(config), "registered_name": registered}


def function(module: str, name: str) -> Config:
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def network(*more: Config) -> Config:
    """A network of one Dense layer, after `more` layers."""
    first = part("keras.layers", "InputLayer", {"batch_shape": [None, 28, 28, 1], "dtype": "float32", "name": "image"})
    flatten = part("keras.layers", "Flatten", {"name": "flatten"})
    dense = part("keras.layers", "Dense", {"name": "dense", "units": 10, "activation": "softmax"})
    whole = part("keras", "Sequential", {"name": "net", "layers": [first, *more, flatten, dense]})
    return whole | {"build_config": {"input_shape": [None, 28, 28, 1]}}


def weights(change: Callable[[h5py.File], object] = lambda _: None) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        root.create_group("vars")
        root.create_group("layers/flatten/vars")
        variables = root.create_group("layers/dense/vars")
        variables["0"], variables["1"] = np.zeros((784, 10), np.float32), np.zeros(10, np.float32)
        change(root)
    return file.getvalue()


def saved(at: Path, config: object, h5: bytes | None = None, members: Members | None = None) -> None:
    with zipfile.ZipFile(at / "model.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights() if h5 is None else h5)
        for name, content in (members or {}).items():
            archive.writestr(name, content)


def lambda_layer(function: Any, **arguments: Any) -> Config:
    return part("keras.layers", "Lambda", {"name": "lambda", "function": function, "arguments": arguments})


def activated_by(function: Config, **arguments: Any) -> Config:
    """A layer that calls a function on its input."""
    return part("keras.layers", "Activation", {"name": "call", "activation": function, **arguments})


def bytecode(place: Place) -> Config:
    """A function that makes the marker, as Keras stores it."""
    code = compile(f"lambda x: (open({str(place.marker)!r}, 'w'), x)[1]", "payload", "eval").co_consts[0]
    stored = {"code": base64.b64encode(marshal.dumps(code)).decode(), "defaults": None, "closure": None}
    return {"class_name": "__lambda__", "config": stored}


@payload(KERAS, says="Lambda")
def a_lambda_layer(at: Path, place: Place) -> None:
    saved(at, network(lambda_layer(bytecode(place))))


@payload(H5, says="Lambda")
def cve_2025_9905_a_lambda_layer_in_hdf5(at: Path, place: Place) -> None:
    with h5py.File(at / "model.h5", "w") as root:
        root.attrs["model_config"] = json.dumps(network(lambda_layer(bytecode(place))))
        root.attrs["keras_version"] = "3.15.1"
        root.create_group("model_weights")


@payload(KERAS, says="")
def cve_2025_1550_any_function_of_any_module(at: Path, place: Place) -> None:
    saved(at, network(activated_by(function("os", "system"))))


@payload(KERAS, says="")
def cve_2025_1550_a_class_of_another_module(at: Path, place: Place) -> None:
    saved(at, network(part("subprocess", "Popen", {"args": ["touch", str(place.marker)]})))


@payload(KERAS, says="")
def cve_2025_8747_a_function_of_keras_that_fetches(at: Path, place: Place) -> None:
    saved(at, network(activated_by(function("keras.utils", "get_file"), origin=place.address)))


@payload(KERAS, says="")
def cve_2025_9906_a_function_of_keras_that_unlocks_code(at: Path, place: Place) -> None:
    unlock = part("keras.config", "enable_unsafe_deserialization", {})
    saved(at, network(unlock, lambda_layer(bytecode(place))))


@payload(KERAS, says="")
def cve_2026_12481_a_lambda_layer_within_another(at: Path, place: Place) -> None:
    inner = lambda_layer(bytecode(place))
    saved(at, network(part("keras.layers", "TimeDistributed", {"name": "each", "layer": inner})))


@payload(KERAS, says="")
def cve_2026_1462_a_saved_model_elsewhere(at: Path, place: Place) -> None:
    saved(at, network(part("keras.layers", "TFSMLayer", {"filepath": str(place.secret), "call_endpoint": "serve"})))


@payload(KERAS, says="")
def cve_2025_12058_words_of_a_secret_file(at: Path, place: Place) -> None:
    words = {"name": "words", "vocabulary": str(place.secret / "secret.csv")}
    saved(at, network(part("keras.layers", "StringLookup", words)))


@payload(KERAS, says="")
def cve_2025_49655_a_pickled_torch_module(at: Path, place: Place) -> None:
    pickled = base64.b64encode(pickle.dumps(Runs(place.marker))).decode()
    saved(at, network(part("keras.layers", "TorchModuleWrapper", {"module": pickled})))


@payload(KERAS, says="which is a path")
def cve_2026_12479_a_layer_whose_name_is_a_path(at: Path, place: Place) -> None:
    saved(at, network(part("keras.layers", "Dropout", {"name": f"../../{place.marker}", "rate": 0.5})))


def replaced(**create: Any) -> Callable[[h5py.File], object]:
    """Another array in the place of the Dense layer's weights."""

    def change(root: h5py.File) -> None:
        del root["layers/dense/vars/0"]
        root["layers/dense/vars"].create_dataset("0", **create)

    return change


@payload(KERAS, says="would unpack to more than")
def cve_2026_0897_weights_of_a_petabyte(at: Path, place: Place) -> None:
    saved(at, network(), weights(replaced(shape=(2**24, 2**24), dtype="f4", chunks=(1, 2**20))))


@payload(KERAS, says="would unpack to more than")
def cve_2026_12570_weights_that_unpack_to_gigabytes(at: Path, place: Place) -> None:
    saved(at, network(), weights(replaced(shape=(2**30,), dtype="f4", chunks=(2**20,), compression="gzip")))


@payload(KERAS, says="takes weights from other files")
def cve_2026_1669_weights_of_a_secret_file(at: Path, place: Place) -> None:
    outside = [(str(place.secret / "weights.bin"), 0, 31360)]
    saved(at, network(), weights(replaced(shape=(784, 10), dtype="f4", external=outside)))


@payload(KERAS, says="link to another place")
def an_external_link_among_the_weights(at: Path, place: Place) -> None:
    def change(root: h5py.File) -> None:
        del root["layers/dense/vars/0"]
        root["layers/dense/vars/0"] = h5py.ExternalLink(str(place.secret / "secret.h5"), "/x")

    saved(at, network(), weights(change))


@payload(KERAS, says="link to another place")
def a_soft_link_among_the_weights(at: Path, place: Place) -> None:
    def change(root: h5py.File) -> None:
        root["layers/more"] = h5py.SoftLink("/layers")

    saved(at, network(), weights(change))


@payload(KERAS, says="takes weights from other files")
def weights_that_are_virtual(at: Path, place: Place) -> None:
    layout = h5py.VirtualLayout((784, 10), "f4")
    layout[:] = h5py.VirtualSource(str(place.secret / "secret.h5"), "x", (784, 10))

    def change(root: h5py.File) -> None:
        del root["layers/dense/vars/0"]
        root["layers/dense/vars"].create_virtual_dataset("0", layout)

    saved(at, network(), weights(change))


@payload(KERAS, says="model.weights.npz")
def pickled_weights(at: Path, place: Place) -> None:
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, x=np.array([Runs(place.marker)], object))
    saved(at, network(), members={"model.weights.npz": file.getvalue()})


@payload(KERAS, says="a file beside the network")
def a_member_above_the_archive(at: Path, place: Place) -> None:
    saved(at, network(), members={"../../marker": b"x"})


@payload(KERAS, says="a file beside the network")
def a_member_with_an_absolute_path(at: Path, place: Place) -> None:
    saved(at, network(), members={str(place.marker): b"x"})


@payload(KERAS, says="a file beside the network")
def a_member_that_is_a_link(at: Path, place: Place) -> None:
    link = zipfile.ZipInfo("assets")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    saved(at, network(), members={link: str(place.secret).encode()})


@payload(KERAS, says="twice")
def a_second_configuration(at: Path, place: Place) -> None:
    saved(at, network(), members={"config.json": json.dumps(network(lambda_layer(bytecode(place)))).encode()})


@payload(KERAS, says="would unpack to")
def a_zip_bomb(at: Path, place: Place) -> None:
    with zipfile.ZipFile(at / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(network()))
        archive.writestr("model.weights.h5", bytes(10**8))


@payload(KERAS, says="")
def a_module_that_lies_beside(at: Path, place: Place) -> None:
    (at / "planted.py").write_text(f"open({str(place.marker)!r}, 'w')\nclass Layer: pass\n")
    saved(at, network(part("planted", "Layer", {})))


@payload(KERAS, says="")
def a_custom_class(at: Path, place: Place) -> None:
    saved(at, network(part(None, "Layer", {}, "evil>Layer")))


@payload(KERAS, says="")
def a_module_in_a_class_name(at: Path, place: Place) -> None:
    saved(at, network(part("keras.layers", "os.system", {"command": f"touch {place.marker}"})))


@payload(KERAS, says="")
def an_initializer_that_loads_a_pickle(at: Path, place: Place) -> None:
    (at / "x.npy").write_bytes(pickle.dumps(Runs(place.marker)))
    load = part("numpy", "load", {"file": str(at / "x.npy"), "allow_pickle": True})
    saved(at, network(part("keras.layers", "Dense", {"name": "d", "units": 9, "kernel_initializer": load})))


@payload(KERAS, says="")
def an_array_of_objects(at: Path, place: Place) -> None:
    value = {"class_name": "__numpy__", "config": {"value": [f"touch {place.marker}"], "dtype": "object"}}
    saved(at, network(part("keras.layers", "Rescaling", {"name": "r", "scale": value})))


@payload(f"{KERAS} --preprocess 0..1", says="", code=0)
def a_loss_that_is_code(at: Path, place: Place) -> None:
    """What a model was compiled with is not needed, so it is not loaded."""
    (at / "planted.py").write_text(f"open({str(place.marker)!r}, 'w')\n")
    loss = part("planted", "Loss", {})
    layers = keras("a test").layers
    model = keras("a test").Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, "softmax")])
    model.save(at / "plain.keras")
    with zipfile.ZipFile(at / "plain.keras") as plain:
        config, h5 = json.loads(plain.read("config.json")), plain.read("model.weights.h5")
    saved(at, config | {"compile_config": {"optimizer": lambda_layer(bytecode(place)), "loss": loss}}, h5)
