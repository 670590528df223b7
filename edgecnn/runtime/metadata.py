"""ModelMetadata: the only place that reads and writes the `edgecnn.` entries of an ONNX file."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

from edgecnn.errors import ModelError
from edgecnn.files import open_regular
from edgecnn.metrics import Accuracy
from edgecnn.origin import Origin
from edgecnn.preprocessing import Preprocessing, from_plain
from edgecnn.runtime import outliers
from edgecnn.runtime.outliers import Outliers
from edgecnn.runtime.protobuf import Field
from edgecnn.runtime.protobuf import fields as protobuf_fields

PREFIX = "edgecnn."
# The numbers of the fields ModelProto.metadata_props and StringStringEntryProto in
# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
# What is done to a picture: the digit in it is brought into MNIST's form, or the picture is resized, as data sets are.
DIGIT, SCALE = TREATMENTS = ("digit", "scale")
METADATA_PROPS = 14
KEY, VALUE = 1, 2


@dataclass(frozen=True)
class GraphSummary:
    """A summary of a graph.

    `operators` counts the nodes of each type. `macs` are the multiply-accumulates for one image, or None if shapes are
    open.
    """

    opset: int
    ir_version: int
    operators: dict[str, int]
    parameters: int
    macs: int | None


@dataclass(frozen=True)
class ModelMetadata:
    """The metadata of a file. A field is empty or None if the file does not hold it.

    `preprocessing` turns pixels into a float model's input. `treatment` names what is done to a picture before
    that: DIGIT or SCALE. `confidence` is the probability below which a label is uncertain, 0 to 1, and `outliers` tell
    which images are not digits. `quantization` tells how a quantized file was made, and `decision` which other
    candidates were tried. `settings` map the fingerprint of a host to the session settings for it. `others` are the
    entries of other tools, which are kept unchanged.
    """

    name: str = ""
    labels: tuple[str, ...] = ()
    recipe: str = ""
    dataset: Origin | None = None
    original_sha256: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None
    treatment: str = ""
    confidence: float | None = None
    outliers: Outliers | None = None
    accuracy: Accuracy | None = None
    quantization: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)
    graph: GraphSummary | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Mapping[str, str], path: Path) -> "ModelMetadata":
        """Read the metadata_props of the file at `path`.

        Files of edgecnn 0.1 have the same entries without the prefix. Such an entry is read only if it has the right
        form, because another tool may use the same key. Raises ModelError for a damaged entry with the prefix.
        """
        prefix = PREFIX if any(key.startswith(PREFIX) for key in entries) else ""
        found: dict[str, Any] = {}
        ours = {prefix + name for name in PARSERS} if prefix else set()
        for name, parse in PARSERS.items():
            if (text := entries.get(prefix + name)) is None:
                continue
            try:
                found[RENAMED.get(name, name)] = parse(text)
                ours.add(prefix + name)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                if prefix:
                    raise ModelError(f"{path} has a damaged entry {prefix}{name}: export it again") from None
        return cls(**found, others={key: value for key, value in entries.items() if key not in ours})

    def entries(self) -> dict[str, str]:
        """The metadata_props to write into a file, including the entries of other tools."""
        values = ((item.name, getattr(self, item.name)) for item in fields(self) if item.name != "others")
        return {**self.others, **{PREFIX + name: _text(value) for name, value in values if value not in EMPTY}}

    def plain(self) -> dict[str, Any]:
        """The fields that are not empty, as plain values, followed by the entries of other tools under other names."""
        tree = {name: value for name, value in asdict(self).items() if name != "others" and value not in EMPTY}
        return tree | {key: text for key, text in self.others.items() if key not in tree}


NOTHING = ModelMetadata()
EMPTY: tuple[object, ...] = (None, "", (), {})


def _json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError for NaN and halves of characters, which JSON does not have."""
    value = json.loads(text)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Accuracy):
        return json.dumps(asdict(value) | {"value": value.value})
    plain = asdict(value) if isinstance(value, Origin | GraphSummary | Preprocessing | Outliers) else value
    return json.dumps(plain, ensure_ascii=False)


def _labels(text: str) -> tuple[str, ...]:
    labels = _json(text)
    if not isinstance(labels, list) or not all(isinstance(label, str | int | float) for label in labels):
        raise ValueError("not a list of labels")
    return tuple(map(str, labels))


def _mapping(text: str) -> dict[str, Any]:
    found = _json(text)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _versions(text: str) -> dict[str, str]:
    return {name: str(version) for name, version in _mapping(text).items()}


def _dataset(text: str) -> Origin:
    found = _mapping(text)
    name = found["name"] if "name" in found else found["source"]  # as edgecnn 0.1 wrote
    if not isinstance(name, str) or not isinstance(found["sha256"], str):
        raise ValueError("not a data set")
    return Origin(name, found["sha256"])


def _preprocessing(text: str) -> Preprocessing:
    return from_plain(_mapping(text))


def _scale(text: str) -> Preprocessing:
    scale = float(text)
    if not (isfinite(scale) and scale > 0):
        raise ValueError("not a scale")
    return Preprocessing((scale,))


def _treatment(text: str) -> str:
    if text not in TREATMENTS:
        raise ValueError("not a treatment")
    return text


def _confidence(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError("not a probability")
    return share


def _outliers(text: str) -> Outliers:
    return outliers.from_plain(_mapping(text))


def _accuracy(text: str) -> Accuracy:
    found = _mapping(text)
    score = Accuracy(str(found["split"]), _count(found["correct"]), _count(found["images"]))
    if not 0 <= score.correct <= score.images or not score.images:
        raise ValueError("not an accuracy")
    return score


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a count")
    return value


def _graph(text: str) -> GraphSummary:
    found = _mapping(text)
    operators = {str(name): _count(count) for name, count in found["operators"].items()}
    macs = None if found["macs"] is None else _count(found["macs"])
    return GraphSummary(
        _count(found["opset"]), _count(found["ir_version"]), operators, _count(found["parameters"]), macs
    )


def _quantization(text: str) -> dict[str, Any]:
    """An entry of ours names its scheme. Other tools use the key "quantization" for other things."""
    found = _mapping(text)
    if not isinstance(found["scheme"], str):
        raise ValueError("not a scheme")
    return found


def _decision(text: str) -> dict[str, Any]:
    found = _mapping(text)
    if not (isinstance(found["chosen"], str) and isinstance(found["reason"], str)):
        raise ValueError("not a decision")
    if not all(isinstance(row, dict) and isinstance(row.get("name"), str) for row in list(found["candidates"])):
        raise ValueError("not candidates")
    return found


RENAMED = {"input_scale": "preprocessing"}  # edgecnn 0.1 knew one factor only
PARSERS: Mapping[str, Callable[[str], Any]] = {
    "name": str,
    "labels": _labels,
    "recipe": str,
    "dataset": _dataset,
    "original_sha256": str,
    "versions": _versions,
    "input_scale": _scale,
    "preprocessing": _preprocessing,
    "treatment": _treatment,
    "confidence": _confidence,
    "outliers": _outliers,
    "accuracy": _accuracy,
    "quantization": _quantization,
    "decision": _decision,
    "graph": _graph,
    "settings": _mapping,
}


def read_metadata(path: Path) -> ModelMetadata:
    """The metadata of an ONNX file, read without a session, because the session's settings are part of it.

    The other fields of ModelProto are skipped, so that reading a large model takes no longer. The metadata is empty if
    the file cannot be read, is truncated or is not an ONNX file; opening the file then raises the error. Raises
    ModelError for a damaged entry of ours.
    """
    try:
        with open_regular(path) as file:
            model = protobuf_fields(file, 0, fstat(file.fileno()).st_size)
            entries = dict(_entry(file, item) for item in model if item.number == METADATA_PROPS)
    except (OSError, ValueError):
        return ModelMetadata()
    return ModelMetadata.of(entries, path)


def _entry(file: BinaryIO, prop: Field) -> tuple[str, str]:
    texts = {item.number: item.read(file).decode() for item in protobuf_fields(file, prop.start, prop.end)}
    return texts.get(KEY, ""), texts.get(VALUE, "")
