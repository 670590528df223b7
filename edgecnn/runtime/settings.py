"""Owns how a session runs, and the metadata entry in which a model file keeps what was best on which host."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

from edgecnn.host.machine import usable_cpus
from edgecnn.runtime.protobuf import Field, fields

ENTRY = "settings"  # its key in an ONNX file's metadata_props

# The fields' numbers: ModelProto.metadata_props and StringStringEntryProto in
# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
METADATA_PROPS = 14
KEY, VALUE = 1, 2


@dataclass(frozen=True)
class Settings:
    """How onnxruntime runs a model. As they stand they are safe: they suit every host and burn no idle core.

    `threads` share one operator's work. `spinning` lets them wait for it in a loop while a run lasts, which wakes them
    sooner; after the run they sleep. `arena` keeps the memory of earlier runs for later ones. `cached` keeps the graph
    as onnxruntime optimized it on this host, and opens that the next time. Raises ValueError for no thread at all.
    """

    threads: int = 1
    spinning: bool = False
    arena: bool = True
    cached: bool = False

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        parts = {"spinning": self.spinning, "without arena": not self.arena, "optimized graph kept": self.cached}
        return ", ".join([threads, *(name for name, holds in parts.items() if holds)])

    def __post_init__(self) -> None:
        if self.threads < 1:  # of which onnxruntime would make as many as it likes
            raise ValueError(f"a session has at least one thread, not {self.threads}")


def stored(metadata: Mapping[str, str], fingerprint: str, onnxruntime: str) -> Settings:
    """The settings in a file's metadata for the host of that fingerprint, or the defaults where there are none.

    Those that another version of `onnxruntime` was measured with, and those of another form, are none.
    """
    entry = _hosts(metadata.get(ENTRY, "")).get(fingerprint)
    if not isinstance(entry, dict) or entry.get("onnxruntime") != onnxruntime:
        return Settings()
    values = {key: value for key, value in entry.items() if key != "onnxruntime"}
    kinds = {key: type(value) for key, value in asdict(Settings()).items()}
    if {key: type(value) for key, value in values.items()} != kinds:  # bool is no int here
        return Settings()
    return Settings(**values) if 1 <= values["threads"] <= len(usable_cpus()) else Settings()


def with_settings(
    metadata: Mapping[str, str], fingerprint: str, onnxruntime: str, settings: Settings
) -> dict[str, str]:
    """The metadata with `settings` for one host; what it holds for other hosts stays."""
    entry = asdict(settings) | {"onnxruntime": onnxruntime}
    return {**metadata, ENTRY: json.dumps(_hosts(metadata.get(ENTRY, "")) | {fingerprint: entry})}


def _hosts(entry: str) -> dict[str, Any]:
    """The entry's object, by fingerprint; empty where it is no object."""
    try:
        hosts = json.loads(entry or "{}")
    except (ValueError, RecursionError):
        return {}
    return hosts if isinstance(hosts, dict) else {}


def metadata_props(path: Path) -> dict[str, str]:
    """The metadata of an ONNX file, read without opening a session, which takes the settings that stand there.

    The fields of ModelProto but this one are skipped, so that a large model costs no more. Empty where the file cannot
    be read, is truncated or is not an ONNX file: what is wrong with it, whoever opens it says.
    """
    try:
        with path.open("rb") as file:
            model = fields(file, 0, fstat(file.fileno()).st_size)
            return dict(_entry(file, field) for field in model if field.number == METADATA_PROPS)
    except (OSError, ValueError):
        return {}


def _entry(file: BinaryIO, prop: Field) -> tuple[str, str]:
    texts = {field.number: field.read(file).decode() for field in fields(file, prop.start, prop.end)}
    return texts.get(KEY, ""), texts.get(VALUE, "")
