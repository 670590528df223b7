"""What was measured on this machine of a model's ONNX files: which one is the fastest. Kept in the user's cache folder.

A verdict is found by this host's fingerprint, onnxruntime's version and the files' hashes. If one of them changes, the
verdict is not found any more, and nothing has to be deleted for that.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import onnxruntime as ort

from edgecnn.files import atomic, cache_folder, read_json, sha256
from edgecnn.folder import VERDICTS
from edgecnn.host.machine import fingerprint

MOST_BYTES = 2**20
NAME_DIGITS = 32  # of a hash: enough to tell verdicts apart


@dataclass(frozen=True)
class Measured:
    """One file: its time for an image in microseconds, in each round, and how many times faster the chosen file is.

    The speed-up has a 95 % interval. For the chosen file itself, all three are 1.
    """

    rounds_us: tuple[float, ...]
    speedup: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """Which of a model's files is to run here, by name, and what was measured of each.

    `host` describes the machine to people; `measured` is the time in UTC (ISO 8601).
    """

    chosen: str
    files: dict[str, Measured]
    host: str
    onnxruntime: str
    measured: str

    @property
    def runner_up(self) -> tuple[str, Measured] | None:
        """The fastest of the other files, and how it compares."""
        others = {name: found for name, found in self.files.items() if name != self.chosen}
        return min(others.items(), key=lambda item: item[1].speedup, default=None)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def recall(files: Sequence[Path]) -> Verdict | None:
    """The verdict on these files here; None if they were not measured, or what is kept of it is damaged."""
    try:
        return _parsed(read_json(_place(files), MOST_BYTES), [path.name for path in files])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(files: Sequence[Path], verdict: Verdict) -> Path:
    """Store a verdict for later commands. Returns where. Raises OutputError."""
    place = _place(files)
    with atomic(place) as temporary:
        temporary.write_text(verdict.to_json(), encoding="utf-8")
    return place


def _place(files: Sequence[Path]) -> Path:
    contents = sorted((path.name, sha256(path)) for path in files)
    key = repr((fingerprint(), ort.__version__, contents))
    return cache_folder() / VERDICTS / f"{hashlib.sha256(key.encode()).hexdigest()[:NAME_DIGITS]}.json"


def _parsed(tree: Mapping[str, Any], names: Sequence[str]) -> Verdict:
    """By hand: a library that checks types takes longer to import than `predict` has. Raises what a wrong type does."""
    files = {name: _measured(tree["files"][name]) for name in names}
    texts = {name: tree[name] for name in ("chosen", "host", "onnxruntime", "measured")}
    if texts["chosen"] not in names or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("not a verdict")
    return Verdict(files=files, **texts)


def _measured(tree: Mapping[str, Any]) -> Measured:
    rounds = tuple(float(value) for value in tree["rounds_us"])
    found = Measured(rounds, float(tree["speedup"]), float(tree["low"]), float(tree["high"]))
    if not all(isfinite(value) and value > 0 for value in (*rounds, found.speedup, found.low, found.high)):
        raise ValueError("not a measurement")
    return found
