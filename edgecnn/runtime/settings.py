"""Settings of a session, and their storage in a model file for each host."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgecnn.host.machine import usable_cpus


@dataclass(frozen=True)
class Settings:
    """How onnxruntime runs a model. The defaults are safe: they suit every host and use no CPU time between runs.

    `threads` share the work of one operator. With `spinning`, threads wait for work in a loop during a run, so that
    they start sooner; after the run they sleep. `arena` keeps memory for later runs. Raises ValueError for fewer than 1
    thread.
    """

    threads: int = 1
    spinning: bool = False
    arena: bool = True

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        parts = {"spinning": self.spinning, "without arena": not self.arena}
        return ", ".join([threads, *(name for name, holds in parts.items() if holds)])

    def __post_init__(self) -> None:
        if self.threads < 1:  # onnxruntime would choose a number itself
            raise ValueError(f"a session has at least one thread, not {self.threads}")


def stored(hosts: Mapping[str, Any], fingerprint: str, onnxruntime: str) -> Settings:
    """The settings that a file's metadata holds for the host with that fingerprint, or the defaults if there are none.

    Settings that were measured with another version of `onnxruntime`, or that are damaged, are ignored. So is what an
    older edgecnn stored beside them: whether to keep an optimized graph.
    """
    entry = hosts.get(fingerprint)
    if not isinstance(entry, dict) or entry.get("onnxruntime") != onnxruntime:
        return Settings()
    kinds = {key: type(value) for key, value in asdict(Settings()).items()}
    values = {key: value for key, value in entry.items() if key in kinds}
    if {key: type(value) for key, value in values.items()} != kinds:  # exact types: a bool is not an int here
        return Settings()
    return Settings(**values) if 1 <= values["threads"] <= len(usable_cpus()) else Settings()


def with_settings(hosts: Mapping[str, Any], fingerprint: str, onnxruntime: str, settings: Settings) -> dict[str, Any]:
    """The settings of all hosts, with `settings` for the one with that fingerprint."""
    return {**hosts, fingerprint: asdict(settings) | {"onnxruntime": onnxruntime}}
