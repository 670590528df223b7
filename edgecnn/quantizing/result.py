"""What quantizing came to: for Python, for the file's metadata and the card, and as the table that --explain prints."""

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
    """What was tried and what ships.

    `path` is the file that ships: the quantized one, or the float32 one where `chosen` is None. `before` and `after`
    are accuracies on the test split, which chose nothing; `baseline` is float32's on validation images, beside which
    `trials` stand. `tuning` is None where the target is another machine. `removed` is an earlier quantized file that
    float32 replaces.
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
        return all(trial.timing is not None for trial in self.trials)


def decision_entry(
    trials: tuple[CandidateResult, ...], chosen: CandidateResult | None, reason: str, max_drop: float
) -> dict[str, Any]:
    """The decision and every candidate's figures, short enough for a small model's metadata."""
    return {
        "chosen": chosen.candidate.name if chosen else "float32",
        "reason": reason,
        "max_drop": max_drop,
        "candidates": [_figures(trial, max_drop) for trial in trials],
    }


def with_rounds(entry: dict[str, Any], trials: tuple[CandidateResult, ...]) -> dict[str, Any]:
    """The same for the card, where there is room for every round's medians, in µs, of the candidate and of float32."""
    rows = [
        row | ({"rounds_us": trial.timing.medians_us, "float32_us": trial.timing.float32_us} if trial.timing else {})
        for row, trial in zip(entry["candidates"], trials, strict=True)
    ]
    return entry | {"candidates": rows}


def _figures(trial: CandidateResult, max_drop: float) -> dict[str, Any]:
    figures: dict[str, Any] = {"name": trial.candidate.name, "verdict": verdict(trial, max_drop), "bytes": trial.bytes}
    if trial.timing is not None:
        speedup = trial.timing.speedup
        ends = (speedup.value, speedup.low, speedup.high)
        figures["latency_us"] = round(trial.timing.latency_us, 2)
        figures["speedup"] = [end and round(end, 3) for end in ends]
    return figures | {"lost": trial.lost, "gained": trial.gained, "images": trial.validation.images}


def table(report: QuantizationResult) -> "Table":
    """Every candidate: how fast, how large, what it loses of the validation images, and what that came to."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"Candidates for {report.target}, judged on {report.baseline.images:,} validation images"
    drawn = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("candidate", overflow="fold")
    for heading in ("µs", "speed-up", "bytes", "lost", "gained"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    drawn.add_column("verdict", no_wrap=True)
    drawn.add_row("float32", *_float32(report), "", "", "chosen" if report.chosen is None else "")
    for trial in report.trials:
        drawn.add_row(*_row(trial, report))
    return drawn


def reasons(report: QuantizationResult) -> list[str]:
    """Why each candidate was tried, a line each."""
    return [f"{trial.candidate.name}: {trial.candidate.why}" for trial in report.trials]


def _float32(report: QuantizationResult) -> tuple[str, str, str]:
    timing = next((trial.timing for trial in report.trials if trial.timing), None)
    latency = f"{sorted(timing.float32_us)[len(timing.float32_us) // 2]:.1f}" if timing else "–"
    return latency, "1", f"{report.bytes_before:,}"


def _row(trial: CandidateResult, report: QuantizationResult) -> tuple[str, ...]:
    timing = trial.timing
    return (
        trial.candidate.name,
        f"{timing.latency_us:.1f}" if timing else "–",
        spoken(timing.speedup) if timing else NOT_TIMED,
        f"{trial.bytes:,}",
        str(trial.lost),
        str(trial.gained),
        "chosen" if trial is report.chosen else verdict(trial, report.max_drop),
    )
