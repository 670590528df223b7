"""Which ONNX file of a model folder runs on this processor: the one place where that is chosen.

What was measured here comes first (`edgecnn tune`), then what was measured here when the file was quantized, and then
rules. A path that names a file is never changed for another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import ModelError
from edgecnn.files import cache_folder
from edgecnn.folder import VERDICTS, ModelFolder, find, find_onnx
from edgecnn.host import machine
from edgecnn.runtime.metadata import ModelMetadata, read_metadata

if TYPE_CHECKING:
    from edgecnn.runtime.verdicts import Verdict

TUNE = "'edgecnn tune' measures it"
# Multiply-accumulates of a network below which int8 may save less than its additional nodes cost. On an x86-64 with
# VNNI, int8 wins with `nano` (0.5 million): python -m benchmarks tune. On a Cortex-A76 it takes fewer instructions as
# well: python -m benchmarks instructions. Of smaller networks nothing is known.
FEWEST_MACS = 250_000
ONLY = "the only file here for this processor"


@dataclass(frozen=True)
class Choice:
    """The file that runs and why, and the other `files` that could have run. `why` is empty if the user named it."""

    path: Path
    why: str = ""
    others: tuple[Path, ...] = ()

    @property
    def note(self) -> str | None:
        """What to tell the user, in one line; None if there was nothing to choose from."""
        return f"this runs {self.path}: {self.why}" if self.others else None


def choose(model: str | Path) -> Choice:
    """The ONNX file that `model` stands for on this processor.

    A path of a file is that file. A folder or a name stands for its float32 or its int8 file. Raises UsageError and
    ModelError as `find_onnx` does.
    """
    found = find(model)
    files = variants(found) if found.is_dir() else []
    if not files:
        return Choice(find_onnx(model))
    path, why = _chosen(files)
    return Choice(path, why, tuple(other for other in files if other != path))


def variants(folder: Path) -> list[Path]:
    """The float32 and int8 files of a folder that are made for this kind of processor, float32 first."""
    return ModelFolder(folder).of_precisions("float32", "int8", f"int8-{machine.architecture()}")


def _chosen(files: Sequence[Path]) -> tuple[Path, str]:
    if len(files) == 1:
        return files[0], ONLY
    verdict = _recalled(files)
    if verdict:
        return files[0].with_name(verdict.chosen), reason(verdict)
    return _by_quantization(files) or _by_rule(files)


def _recalled(files: Sequence[Path]) -> "Verdict | None":
    """The verdict on these files. Where nothing was ever measured, no time is spent on hashes and imports."""
    if not (cache_folder() / VERDICTS).is_dir():
        return None
    from edgecnn.runtime.verdicts import recall

    return recall(files)


def reason(verdict: "Verdict") -> str:
    """Why the chosen file was chosen, such as "measured here, 1.42 (1.40 to 1.44) times as fast as model.onnx"."""
    if verdict.runner_up is None:
        return ONLY
    name, found = verdict.runner_up
    if found.low <= 1:
        return f"measured here, as fast as {name}: {_spoken(found.speedup, found.low, found.high)} times"
    return f"measured here, {_spoken(found.speedup, found.low, found.high)} times as fast as {name}"


def _by_quantization(files: Sequence[Path]) -> tuple[Path, str] | None:
    """By what was measured when an int8 file was made, if that was here. None if it was elsewhere, or shows nothing."""
    here = machine.fingerprint()
    for path in reversed(files):
        speedup = _speedup(_metadata(path), here)
        if speedup and speedup[1] > 1 and files[0].name == "model.onnx":
            return path, f"measured here when it was quantized, {_spoken(*speedup)} times as fast as {files[0].name}"
        if speedup and speedup[2] < 1 and files[0].name == "model.onnx":
            return files[0], f"measured here when {path.name} was made, which is slower"
    return None


def _metadata(path: Path) -> ModelMetadata:
    try:
        return read_metadata(path)
    except ModelError:  # a damaged entry, which is told when the file is opened
        return ModelMetadata()


def _speedup(metadata: ModelMetadata, host: str) -> tuple[float, float, float] | None:
    """The speed-up over float32 with its interval, if it was measured on the host with that fingerprint."""
    decision = metadata.decision
    if host not in metadata.settings or not decision:
        return None
    rows = [row for row in decision["candidates"] if row["name"] == decision["chosen"]]
    found = rows[0].get("speedup") if rows else None
    if isinstance(found, list) and len(found) == 3 and all(isinstance(value, int | float) for value in found):
        return found[0], found[1], found[2]
    return None


def _spoken(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _by_rule(files: Sequence[Path]) -> tuple[Path, str]:
    """What is usually the fastest: int8 where the processor multiplies it fast and the network is not small."""
    kind, instructions = machine.architecture(), machine.int8_instructions()
    graph = _metadata(files[0]).graph
    if instructions and graph and graph.macs is not None and graph.macs < FEWEST_MACS:
        return files[0], f"float32 is usually faster for a network this small; {TUNE}"
    if instructions:
        return files[-1], f"int8 is usually faster on {kind} with {instructions}; {TUNE}"
    lacking = f" without {machine.FAST_INT8[kind][0]}" if kind in machine.FAST_INT8 else ""
    return files[0], f"float32 is usually faster on {kind}{lacking}; {TUNE}"
