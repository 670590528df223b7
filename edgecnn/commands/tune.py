"""edgecnn tune."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn import streams
from edgecnn.commands import options as opt
from edgecnn.commands.options import DEFAULT_MODEL
from edgecnn.progress_bar import progress_bar
from edgecnn.streams import put, say

if TYPE_CHECKING:
    from edgecnn.runtime.verdicts import Verdict
    from edgecnn.tuning import Tuned

TunedModel = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL", help=f"A model folder, or the name of a shipped model. {DEFAULT_MODEL}", show_default=False
    ),
]


def tune(model: TunedModel = None, quiet: opt.Quiet = False, as_json: opt.Json = False) -> None:
    """Measure which file of a model runs fastest here.

    It times the float32 and the int8 file side by side for about half a minute, and keeps the result for this processor
    in the user's cache folder. From then on, the model's folder or name stands for the fastest file.
    """
    from edgecnn.tuning import tune as run

    with progress_bar(quiet, still=True) as progress:
        tuned = run(model or opt.default_model(), progress=progress)
    if as_json:
        streams.print_json(plain(tuned))
    else:
        print_tuned(tuned)


def plain(tuned: "Tuned") -> dict[str, object]:
    verdict = asdict(tuned.verdict) if tuned.verdict else None
    return {"path": str(tuned.choice.path), "why": tuned.choice.why, "kept": tuned.kept and str(tuned.kept)} | (
        {"verdict": verdict}
    )


def print_tuned(tuned: "Tuned") -> None:
    if tuned.verdict:
        _print_times(tuned.verdict)
    put(f"{tuned.choice.path} runs here: {tuned.choice.why}")
    if tuned.kept:
        say(f"kept in {tuned.kept}")


def _print_times(verdict: "Verdict") -> None:
    from statistics import median

    widest = max(map(len, verdict.files))
    for name, found in sorted(verdict.files.items(), key=lambda item: item[1].speedup):
        times = "the fastest" if name == verdict.chosen else _slower(found.speedup, found.low, found.high)
        put(f"{name:<{widest}}  {median(found.rounds_us):>9.1f} µs  {times}")


def _slower(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f} to {high:.2f}) times the time of the fastest"
