"""What an ONNX file says about itself: the one place that reads and writes its `edgecnn.` entries."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

from edgecnn.data.provenance import Origin
from edgecnn.errors import ModelError
from edgecnn.metrics import Accuracy
from edgecnn.runtime.protobuf import Field
from edgecnn.runtime.protobuf import fields as protobuf_fields

PREFIX = "edgecnn."
# The fields' numbers: ModelProto.metadata_props and StringStringEntryProto in
# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
METADATA_PROPS = 14
KEY, VALUE = 1, 2


@dataclass(frozen=True)
class GraphSummary:
    """`operators` counts nodes by type; `macs` are multiply-accumulates for one image, None where shapes are open."""

    opset: int
    ir_version: int
    operators: dict[str, int]
    parameters: int
    macs: int | None


@dataclass(frozen=True)
class ModelMetadata:
    """What a file says; a field is empty or None where it says nothing.

    `input_scale` is what a float model's pixels, 0 to 255, are multiplied by. `quantization` says how an int8 file was
    made, `decision` what else was tried, and `settings` by the host's fingerprint how to run it there. `others` are the
    entries of other tools, which are kept as they are.
    """

    name: str = ""
    labels: tuple[str, ...] = ()
    recipe: str = ""
    dataset: Origin | None = None
    original_sha256: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    input_scale: float | None = None
    accuracy: Accuracy | None = None
    quantization: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)
    graph: GraphSummary | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Mapping[str, str], path: Path) -> "ModelMetadata":
        """Read a file's metadata_props.

        Files of edgecnn 0.1 have the same entries without the prefix: these are read where they have our form, for
        other tools may use the same words. Raises ModelError for a damaged entry with the prefix.
        """
        prefix = PREFIX if any(key.startswith(PREFIX) for key in entries) else ""
        found: dict[str, Any] = {}
        for name, parse in PARSERS.items():
            if (text := entries.get(prefix + name)) is None:
                continue
            try:
                found[name] = parse(text)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                if prefix:
                    raise ModelError(f"{path} has a damaged entry {prefix}{name}: export it again") from None
        ours = {prefix + name for name in (PARSERS if prefix else found)}
        return cls(**found, others={key: value for key, value in entries.items() if key not in ours})

    def entries(self) -> dict[str, str]:
        """The metadata_props that hold it, other tools' entries among them."""
        values = ((item.name, getattr(self, item.name)) for item in fields(self) if item.name != "others")
        return {**self.others, **{PREFIX + name: _text(value) for name, value in values if value not in EMPTY}}

    def plain(self) -> dict[str, Any]:
        """The fields that say something, as plain values, other tools' entries behind them."""
        tree = {name: value for name, value in asdict(self).items() if name != "others" and value not in EMPTY}
        return tree | dict(self.others)


EMPTY: tuple[object, ...] = (None, "", (), {})


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Accuracy):
        return json.dumps(asdict(value) | {"value": value.value})
    plain = asdict(value) if isinstance(value, Origin | GraphSummary) else value
    return json.dumps(plain, ensure_ascii=False)


def _labels(text: str) -> tuple[str, ...]:
    labels = json.loads(text)
    if not isinstance(labels, list) or not all(isinstance(label, str | int | float) for label in labels):
        raise ValueError("not a list of labels")
    return tuple(map(str, labels))


def _mapping(text: str) -> dict[str, Any]:
    found = json.loads(text)
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


def _scale(text: str) -> float:
    scale = float(text)
    if not (isfinite(scale) and scale > 0):
        raise ValueError("not a scale")
    return scale


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
    """Other tools say "quantization" of many things; ours names its scheme."""
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


PARSERS: Mapping[str, Callable[[str], Any]] = {
    "name": str,
    "labels": _labels,
    "recipe": str,
    "dataset": _dataset,
    "original_sha256": str,
    "versions": _versions,
    "input_scale": _scale,
    "accuracy": _accuracy,
    "quantization": _quantization,
    "decision": _decision,
    "graph": _graph,
    "settings": _mapping,
}


def read_metadata(path: Path) -> ModelMetadata:
    """The metadata of an ONNX file, read without opening a session, which takes the settings that stand there.

    The other fields of ModelProto are skipped, so that a large model costs no more. Empty where the file cannot be
    read, is truncated or is not an ONNX file: what is wrong with it, whoever opens it says. Raises ModelError for a
    damaged entry of ours.
    """
    try:
        with path.open("rb") as file:
            model = protobuf_fields(file, 0, fstat(file.fileno()).st_size)
            entries = dict(_entry(file, item) for item in model if item.number == METADATA_PROPS)
    except (OSError, ValueError):
        return ModelMetadata()
    return ModelMetadata.of(entries, path)


def _entry(file: BinaryIO, prop: Field) -> tuple[str, str]:
    texts = {item.number: item.read(file).decode() for item in protobuf_fields(file, prop.start, prop.end)}
    return texts.get(KEY, ""), texts.get(VALUE, "")
