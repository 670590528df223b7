"""The result of quantizing: for Python, for metadata and card, and as the table that `--explain` prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.card import Card, ExportRecord
from edgecnn.metrics import Accuracy
from edgecnn.quantizing.decision import NOT_TIMED, spoken, verdict
from edgecnn.quantizing.evaluator import CandidateResult
from edgecnn.quantizing.schemes import Target

if TYPE_CHECKING:
    from rich.table import Table

    from edgecnn.quantizing.session_tuning import Tuning


@dataclass(frozen=True)
class QuantizationResult:
    """What was tried, and what ships.

    `path` is the file that ships: the quantized file, or the float32 file if `chosen` is None. `reason` explains the
    choice. `trials` are the results of all candidates on the validation images, and `baseline` is float32's accuracy on
    them. `before` and `after` are the accuracies of float32 and of the shipped file on the test images, which chose
    nothing. `bytes_before` is the size of the float32 file. `tuning` is None if the target is another machine.
    `removed` is an earlier quantized file that was deleted because float32 ships now.
    """

    path: Path
    target: Target
    max_drop: float
    chosen: CandidateResult | None
    reason: str
    trials: tuple[CandidateResult, ...]
    baseline: Accuracy
    before: Accuracy
    after: Accuracy
    record: ExportRecord
    bytes_before: int
    card: Card
    tuning: "Tuning | None"
    notes: tuple[str, ...]
    removed: Path | None

    @property
    def timed(self) -> bool:
        """Whether every candidate was timed on this machine."""
        return all(result.timing is not None for result in self.trials)


def decision_entry(
    results: tuple[CandidateResult, ...], chosen: CandidateResult | None, reason: str, max_drop: float
) -> dict[str, Any]:
    """The decision and the figures of every candidate, short enough for a small model's metadata."""
    return {
        "chosen": chosen.candidate.name if chosen else "float32",
        "reason": reason,
        "max_drop": max_drop,
        "candidates": [_figures(result, max_drop) for result in results],
    }


def with_rounds(entry: dict[str, Any], results: tuple[CandidateResult, ...]) -> dict[str, Any]:
    """The decision entry for the card, which also holds every round's median latencies in µs."""
    rows = [
        row | ({"rounds_us": result.timing.medians_us, "float32_us": result.timing.float32_us} if result.timing else {})
        for row, result in zip(entry["candidates"], results, strict=True)
    ]
    return entry | {"candidates": rows}


def _figures(result: CandidateResult, max_drop: float) -> dict[str, Any]:
    name, passed = result.candidate.name, verdict(result, max_drop)
    figures: dict[str, Any] = {"name": name, "verdict": passed, "bytes": result.bytes}
    if result.timing is not None:
        speedup = result.timing.speedup
        ends = (speedup.value, speedup.low, speedup.high)
        figures["latency_us"] = round(result.timing.latency_us, 2)
        figures["speedup"] = [end and round(end, 3) for end in ends]
    return figures | {"lost": result.lost, "gained": result.gained, "images": result.validation.images}


def table(done: QuantizationResult) -> "Table":
    """A table with each candidate's latency, speed-up, size, lost and gained validation images, and verdict."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"Candidates for {done.target}, judged on {done.baseline.images:,} validation images"
    drawn = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("candidate", overflow="fold")
    for heading in ("µs", "speed-up", "bytes", "lost", "gained"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    drawn.add_column("verdict", no_wrap=True)
    drawn.add_row("float32", *_float32(done), "", "", "chosen" if done.chosen is None else "")
    for result in done.trials:
        drawn.add_row(*_row(result, done))
    return drawn


def reasons(done: QuantizationResult) -> list[str]:
    """A line for each candidate that tells why it was tried."""
    return [f"{result.candidate.name}: {result.candidate.why}" for result in done.trials]


def _float32(done: QuantizationResult) -> tuple[str, str, str]:
    timing = next((result.timing for result in done.trials if result.timing), None)
    latency = f"{sorted(timing.float32_us)[len(timing.float32_us) // 2]:.1f}" if timing else "–"
    return latency, "1", f"{done.bytes_before:,}"


def _row(result: CandidateResult, done: QuantizationResult) -> tuple[str, ...]:
    timing = result.timing
    return (
        result.candidate.name,
        f"{timing.latency_us:.1f}" if timing else "–",
        spoken(timing.speedup) if timing else NOT_TIMED,
        f"{result.bytes:,}",
        str(result.lost),
        str(result.gained),
        "chosen" if result is done.chosen else verdict(result, done.max_drop),
    )
