"""Network: a network that somebody else could have published, with what its maker knows and we are not told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.lib import paths

WORK = paths.BUILD / "third-party"
Form = Literal["keras", "h5", "keras 2", "export", "saved model", "onnx"]
Layout = Literal["last", "first"]
SUFFIXES: dict[Form, str] = {"keras": ".keras", "h5": ".h5", "keras 2": ".h5", "onnx": ".onnx"}


@dataclass(frozen=True)
class Network:
    """A network and its maker's knowledge.

    `build` makes the Keras model from the module keras, or for the form "onnx" the ModelProto from trained weights.
    `data` names the images, and `pixels` how they become its input: both are keys of `pixels.FEEDS` and `data.SETS`.
    `scores` is what it returns. `publish` changes the trained Keras model into the one that is saved,
    whose answers are others if it `is_changed`. A network that is
    not `trained` keeps its first weights. What nobody could run as it is, is to be `refused`; what can
    be run and not quantized is `served_only`.
    """

    name: str
    about: str
    build: Callable[[Any], Any]
    pixels: str = "0..1"
    layout: Layout = "last"
    data: str = "digits"
    scores: str = "probabilities"
    form: Form = "keras"
    trained: bool = True
    refused: bool = False
    served_only: bool = False
    policy: str = "float32"
    publish: Callable[[Any, Any], Any] | None = None
    is_changed: bool = False
    epochs: int = 1

    @property
    def folder(self) -> Path:
        return WORK / self.name

    @property
    def file(self) -> Path:
        """The published file, or the folder of a SavedModel."""
        return self.folder / f"network{SUFFIXES.get(self.form, '')}"


class Table(dict[str, Network]):
    """Networks by name. A function that builds one is added by the decorator `add`; its name is the network's."""

    def add(self, about: str, **known: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
        def added(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
            name = build.__name__.strip("_").replace("_", "-")
            self[name] = Network(name, about, build, **known)
            return build

        return added
