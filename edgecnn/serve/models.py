"""The models that are served: opened, tried, and replaced in one step by SIGHUP."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn import files
from edgecnn.errors import ModelError, UsageError
from edgecnn.folder import ONNX_NAMES, find
from edgecnn.runtime.classifier import Classifier
from edgecnn.serve.refusal import Refusal
from edgecnn.serve.tensors import DATATYPES

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
TRIALS = 30  # of which the quickest counts: others are disturbed
VERSION_DIGITS = 12  # of a file's SHA-256


@dataclass(frozen=True)
class Served:
    """A model under the name that its address has. `version` is of the file's contents; `seconds` is for one image."""

    name: str
    source: str
    classifier: Classifier
    version: str
    seconds: float

    @property
    def input_datatype(self) -> str:
        return DATATYPES[self.classifier.input.dtype]

    @cached_property
    def pixels(self) -> int:
        """The numbers in an image."""
        return prod(size or 1 for size in self.classifier.input.shape)

    @property
    def interface(self) -> tuple[Any, ...]:
        """What clients rely on: it must not change while the service runs."""
        known = self.classifier
        return known.input_name, known.input.shape, known.input.dtype, known.output_name, known.labels


class Models:
    """The served models by name; the first is the one for requests that name none."""

    def __init__(self, given: Iterable[str]) -> None:
        """Raises UsageError for a name that is given twice, and as Classifier does."""
        self._served: dict[str, Served] = {}
        for text in given:
            name, source = split(text)
            if name in self._served:
                raise UsageError(f"two models would be called {name!r}: name them, as in first={source}")
            self._served[name] = opened(name, source)

    def __iter__(self) -> Any:
        return iter(self._served.values())

    def get(self, name: str) -> Served | None:
        return self._served.get(name)

    def find(self, name: str | None = None, version: str | None = None) -> Served:
        """Raises Refusal."""
        found = next(iter(self), None) if name is None else self._served.get(name)
        if found is None or version not in (None, found.version):
            raise Refusal(404, f"there is no such model or version: this service has {', '.join(self._served)}")
        return found

    def reopened(self) -> dict[str, Served]:
        """All models opened anew, for `replace`. Raises ModelError unless each can take the place of the old one."""
        return {old.name: _successor(old) for old in self}

    def replace(self, served: dict[str, Served]) -> None:
        self._served = served


def split(text: str) -> tuple[str, str]:
    """The name under which a model is served, and where it is: NAME=MODEL, or the name of its folder or file.

    Raises UsageError.
    """
    name, equals, source = text.partition("=")
    if not equals:
        name, source = _own_name(Path(text)), text
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a part of an address: serve it as NAME={source}")
    return name, source


def _own_name(path: Path) -> str:
    if path.name in ONNX_NAMES.values():  # models/edge/model.int8.onnx is edge.int8
        return path.resolve().parent.name + path.stem.removeprefix("model")
    return path.stem if path.suffix == ".onnx" else path.resolve().name


def opened(name: str, source: str) -> Served:
    """Open a model and try it. Raises ModelError, UsageError."""
    classifier = Classifier(find(source).resolve())
    version = files.sha256(classifier.path)[:VERSION_DIGITS]
    return Served(name, source, classifier, version, _tried(classifier))


def _tried(classifier: Classifier) -> float:
    """The seconds for one image. Raises ModelError if an answer is not finite."""
    image = _blank(classifier)
    times = []
    for _ in range(TRIALS):
        started = time.perf_counter()
        classifier.predict(image)
        times.append(time.perf_counter() - started)
    return min(times)


def _blank(classifier: Classifier) -> NDArray[np.uint8]:
    height, width, color = classifier.input.image_size
    return np.zeros((1, height, width, 3) if color else (1, height, width), np.uint8)


def _successor(old: Served) -> Served:
    new = opened(old.name, old.source)
    if new.interface != old.interface:
        raise ModelError(f"the new {old.name} has another input, output or labels than the one that is served")
    return new
