"""Which of the candidates ships, or whether float32 does. Pure: trials in, a decision out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgecnn.bench.stats import SIGNIFICANT, Estimate, ratio, speed_verdict
from edgecnn.quantizing.evaluator import CandidateResult

Verdict = Literal["passes", "not shown faster", "less accurate"]

MAX_DROP = 0.1  # percentage points of validation accuracy
MANY = 1000  # images, one of which is no more than MAX_DROP
NOT_TIMED = "not timed on its target"
ABOUT_EQUAL = 0.01  # of a file's size: less is nobody's reason to choose


@dataclass(frozen=True)
class Decision:
    """`chosen` is None where float32 ships. `reason` is a sentence for the user."""

    chosen: CandidateResult | None
    reason: str


def verdict(trial: CandidateResult, max_drop: float = MAX_DROP) -> Verdict:
    """Whether a candidate may ship: shown faster than float32 where it was timed, and no less accurate than allowed."""
    if is_less_accurate(trial, max_drop):
        return "less accurate"
    if trial.timing is not None and speed_verdict(trial.timing.speedup) != "faster":
        return "not shown faster"
    return "passes"


def is_less_accurate(trial: CandidateResult, max_drop: float) -> bool:
    """Whether more than `max_drop` points are lost on balance.

    Of fewer than MANY images, and so few that one is more than that, a loss counts only when McNemar's test shows it:
    otherwise one unlucky image of 200 would decide. Of more, the test alone would let 0.2 points in 5,000 pass as
    chance.
    """
    images = trial.validation.images
    if images >= MANY or images * max_drop / 100 >= 1:
        return trial.drop > max_drop + 1e-9
    return trial.drop > max_drop and trial.p_value < SIGNIFICANT


def decide(trials: Sequence[CandidateResult], max_drop: float = MAX_DROP) -> Decision:
    """The fastest that passes; of those not shown slower than it `_preferred` says which."""
    passing = [trial for trial in trials if verdict(trial, max_drop) == "passes"]
    if not passing:
        return Decision(None, _why_none(trials, max_drop))
    chosen = _preferred(_as_fast_as_any(passing))
    return Decision(chosen, _why(chosen, max_drop))


def _as_fast_as_any(trials: Sequence[CandidateResult]) -> Sequence[CandidateResult]:
    """The fastest trial and those that are not shown slower, or all where none was timed."""
    timed = [(trial, trial.timing) for trial in trials if trial.timing is not None]
    if len(timed) < len(trials):
        return trials
    _, fastest = max(timed, key=lambda item: item[1].speedup.value)
    return [
        trial
        for trial, timing in timed
        if timing is fastest or speed_verdict(ratio(fastest.relative, timing.relative, paired=False)) != "slower"
    ]


def _preferred(equals: Sequence[CandidateResult]) -> CandidateResult:
    """Of equally fast ones, what suits every processor, unless another is shown to be more accurate."""
    everywhere = [trial for trial in equals if not trial.candidate.form.needs_exact_products]
    if not everywhere:
        return _smallest(equals)
    preferred = _smallest(everywhere)
    better = [trial for trial in equals if trial not in everywhere and trial.is_more_accurate(preferred)]
    return _smallest(better or everywhere)


def _smallest(equals: Sequence[CandidateResult]) -> CandidateResult:
    """The smallest, where sizes differ; then the most accurate; then the first."""
    smallest = min(trial.bytes for trial in equals)
    return min(equals, key=lambda trial: (int((trial.bytes / smallest - 1) / ABOUT_EQUAL), trial.drop))


def _why(chosen: CandidateResult, max_drop: float) -> str:
    accuracy = f"{_change(chosen)} of {chosen.validation.images:,} validation images, allowed {max_drop:g} points"
    if chosen.timing is None:
        return f"int8 by rule, {NOT_TIMED}; {accuracy}"
    return f"int8 is {spoken(chosen.timing.speedup)} times as fast as float32 here; {accuracy}"


def _why_none(trials: Sequence[CandidateResult], max_drop: float) -> str:
    """What the best candidate lacked: the fastest accurate one, or else the most accurate."""
    accurate = [trial for trial in trials if not is_less_accurate(trial, max_drop)]
    timed = [(trial, trial.timing) for trial in accurate if trial.timing is not None]
    if timed:
        trial, timing = max(timed, key=lambda item: item[1].speedup.value)
        return f"no int8 is shown faster than float32 here: the best, {trial.candidate.name}, {spoken(timing.speedup)}"
    trial = min(trials, key=lambda trial: trial.drop)
    return f"every int8 loses accuracy: the best, {trial.candidate.name}, {_change(trial)}, allowed {max_drop:g} points"


def _change(trial: CandidateResult) -> str:
    return f"it loses {trial.lost} and gains {trial.gained}"


def spoken(estimate: Estimate) -> str:
    interval = "" if estimate.low is None else f" ({estimate.low:.2f} to {estimate.high:.2f})"
    return f"{estimate.value:.2f}{interval}"
