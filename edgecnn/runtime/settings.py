"""Owns how a session runs, and which settings a model file holds for which host."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgecnn.host.machine import usable_cpus


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


def stored(hosts: Mapping[str, Any], fingerprint: str, onnxruntime: str) -> Settings:
    """The settings that a file's metadata holds for the host of that fingerprint, or the defaults where there are none.

    Those that another version of `onnxruntime` was measured with, and those of another form, do not count.
    """
    entry = hosts.get(fingerprint)
    if not isinstance(entry, dict) or entry.get("onnxruntime") != onnxruntime:
        return Settings()
    values = {key: value for key, value in entry.items() if key != "onnxruntime"}
    kinds = {key: type(value) for key, value in asdict(Settings()).items()}
    if {key: type(value) for key, value in values.items()} != kinds:  # a bool does not pass for an int here
        return Settings()
    return Settings(**values) if 1 <= values["threads"] <= len(usable_cpus()) else Settings()


def with_settings(hosts: Mapping[str, Any], fingerprint: str, onnxruntime: str, settings: Settings) -> dict[str, Any]:
    """The settings of all hosts with `settings` for one; those of other hosts stay."""
    return {**hosts, fingerprint: asdict(settings) | {"onnxruntime": onnxruntime}}
