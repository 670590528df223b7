"""Decides which candidate ships, or whether float32 does, from the candidates' results. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgecnn.bench.stats import SIGNIFICANT, Estimate, ratio, speed_verdict
from edgecnn.quantizing.evaluator import CandidateResult

Verdict = Literal["passes", "not shown faster", "less accurate"]

MAX_DROP = 0.1  # percentage points of validation accuracy
MANY = 1000  # images: with this many, one image is at most MAX_DROP
NOT_TIMED = "not timed on its target"
ABOUT_EQUAL = 0.01  # share of a file's size: smaller differences do not matter


@dataclass(frozen=True)
class Decision:
    """What ships: `chosen`, or float32 if that is None. `reason` explains it to the user."""

    chosen: CandidateResult | None
    reason: str


def verdict(result: CandidateResult, max_drop: float = MAX_DROP) -> Verdict:
    """Whether a candidate may ship.

    It may if it loses at most `max_drop` percentage points and, where it was timed, is shown to be faster than float32.
    """
    if is_less_accurate(result, max_drop):
        return "less accurate"
    if result.timing is not None and speed_verdict(result.timing.speedup) != "faster":
        return "not shown faster"
    return "passes"


def is_less_accurate(result: CandidateResult, max_drop: float) -> bool:
    """Whether the net loss of accuracy is larger than `max_drop` percentage points.

    If there are fewer than MANY images and a single one is more than `max_drop`, the loss must also be shown by
    McNemar's test. Otherwise one unlucky image of 200 would decide. With more images the test is not used, because it
    would accept a loss of 0.2 points of 5,000 images as chance.
    """
    images = result.validation.images
    if images >= MANY or images * max_drop / 100 >= 1:
        return result.drop > max_drop + 1e-9
    return result.drop > max_drop and result.p_value < SIGNIFICANT


def decide(results: Sequence[CandidateResult], max_drop: float = MAX_DROP) -> Decision:
    """Choose the fastest result that passes. `_preferred` chooses among results that are not shown to be slower."""
    passing = [result for result in results if verdict(result, max_drop) == "passes"]
    if not passing:
        return Decision(None, _why_none(results, max_drop))
    chosen = _preferred(_as_fast_as_any(passing))
    return Decision(chosen, _why(chosen, max_drop))


def _as_fast_as_any(results: Sequence[CandidateResult]) -> Sequence[CandidateResult]:
    """The fastest result and all that are not shown to be slower; every result if they were not timed."""
    timed = [(result, result.timing) for result in results if result.timing is not None]
    if len(timed) < len(results):
        return results
    _, fastest = max(timed, key=lambda item: item[1].speedup.value)
    return [
        result
        for result, timing in timed
        if timing is fastest or speed_verdict(ratio(fastest.relative, timing.relative, paired=False)) != "slower"
    ]


def _preferred(equals: Sequence[CandidateResult]) -> CandidateResult:
    """Of equally fast results, one that is fast on every processor, unless another is shown to be more accurate."""
    everywhere = [result for result in equals if not result.candidate.form.needs_exact_products]
    if not everywhere:
        return _smallest(equals)
    preferred = _smallest(everywhere)
    better = [result for result in equals if result not in everywhere and result.is_more_accurate(preferred)]
    return _smallest(better or everywhere)


def _smallest(equals: Sequence[CandidateResult]) -> CandidateResult:
    """The smallest result; of results of about the same size, the most accurate; then the first."""
    smallest = min(result.bytes for result in equals)
    return min(equals, key=lambda result: (int((result.bytes / smallest - 1) / ABOUT_EQUAL), result.drop))


def _why(chosen: CandidateResult, max_drop: float) -> str:
    change = f"it loses {chosen.lost} and gains {chosen.gained} of {chosen.validation.images:,} validation images"
    accuracy = f"{change}, allowed {max_drop:g} points"
    if chosen.timing is None:
        return f"int8 by rule, {NOT_TIMED}; {accuracy}"
    return f"int8 is {compared(chosen.timing.speedup)} here; {accuracy}"


def _why_none(results: Sequence[CandidateResult], max_drop: float) -> str:
    """What the best candidate lacked: the fastest of the accurate ones or, if there is none, the most accurate."""
    accurate = [result for result in results if not is_less_accurate(result, max_drop)]
    timed = [(result, result.timing) for result in accurate if result.timing is not None]
    if timed:
        result, timing = max(timed, key=lambda item: item[1].speedup.value)
        best = f"the best, {result.candidate.name}, is {compared(timing.speedup)}"
        return f"no int8 candidate is shown to be faster here: {best}"
    result = min(results, key=lambda result: result.drop)
    best = f"the best, {result.candidate.name}, loses {result.lost} and gains {result.gained}"
    return f"every int8 candidate loses too much accuracy: {best}, allowed {max_drop:g} points"


def compared(speedup: Estimate) -> str:
    """A speed-up in words, such as "1.73 (1.72 to 1.75) times as fast as float32" or "2.50× slower than float32"."""
    if speedup.value >= 1:
        return f"{spoken(speedup)} times as fast as float32"
    return f"{1 / speedup.value:.2f}× slower{_interval(speedup, inverse=True)} than float32"


def spoken(estimate: Estimate) -> str:
    """An estimate with its interval, such as "1.73 (1.72 to 1.75)"."""
    return f"{estimate.value:.2f}{_interval(estimate)}"


def _interval(estimate: Estimate, *, inverse: bool = False) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = (1 / estimate.high, 1 / estimate.low) if inverse else (estimate.low, estimate.high)
    return f" ({low:.2f} to {high:.2f})"
