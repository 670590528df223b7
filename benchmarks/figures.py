"""Lists the figures of the committed results that must not get worse, with their intervals.

Files are read as plain JSON, because earlier revisions have other formats: only the fields that are used here must
exist.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from statistics import fmean, median
from typing import Any

from benchmarks.models import time_to_accuracy
from edgecnn.bench import stats
from edgecnn.metrics import Accuracy

UNCORRUPTED = "no corruption"


@dataclass(frozen=True)
class Figure:
    """A value and the ends of its 95 % interval. If nothing is random, the ends are the value itself.

    `form` is its format specification for `format`.
    """

    value: float
    low: float
    high: float
    higher_is_better: bool = True
    form: str = ".2%"

    def __str__(self) -> str:
        if self.low == self.high:
            return format(self.value, self.form)
        return f"{self.value:{self.form}} ({self.low:{self.form}} to {self.high:{self.form}})"

    def is_worse_than(self, then: "Figure") -> bool:
        """Whether the value lies outside the earlier figure's interval, on the worse side."""
        return self.value < then.low if self.higher_is_better else self.value > then.high


Figures = dict[str, Figure]
Named = Iterator[tuple[str, Figure]]


def figures_of(name: str, content: Any) -> Figures:
    """The figures of a result file, by their names; empty for a file without figures to compare."""
    return next((dict(read(content)) for pattern, read in READERS.items() if fnmatch(name, pattern)), {})


def share(correct: float, images: int) -> Figure:
    """The share `correct` of `images`, with Wilson's interval."""
    found = Accuracy("test", round(correct), images)
    return Figure(correct / images, *found.interval)


def exact(value: float, form: str = ",.0f") -> Figure:
    """A figure that is the same in each measurement, where smaller is better."""
    return Figure(value, value, value, higher_is_better=False, form=form)


def speedup(slow: Sequence[float], fast: Sequence[float]) -> Figure:
    """How many times faster `fast` is than `slow`; both are times of rounds taken in turn."""
    found = stats.ratio(slow, fast)
    return estimated(found.value, found.low, found.high)


def estimated(value: float, low: float | None, high: float | None) -> Figure:
    return Figure(value, value if low is None else low, value if high is None else high, form=".2f")


def _scored(name: str, row: Mapping[str, Any] | None) -> Named:
    """An accuracy, if there is one."""
    if row:
        yield name, share(row["correct"], row["images"])


def _seeds(content: Any) -> Named:
    for recipe in dict.fromkeys(row["recipe"] for row in content["trainings"]):
        rows = [row for row in content["trainings"] if row["recipe"] == recipe]
        yield f"{recipe}: parameters", exact(rows[0]["parameters"])
        for split in ("test", "int8"):
            right, images = (sum(row[split][key] for row in rows) for key in ("correct", "images"))
            yield f"{recipe}: mean accuracy, {split}", share(right, images)


def _reference_recipes(content: Any) -> Named:
    for row in content["recipes"]:
        yield from _scored(f"{row['recipe']}: accuracy", row["test"])
        for kind in ("float32", "int8"):
            if row[kind]:
                yield from _scored(f"{row['recipe']}: accuracy, {kind}", row[kind]["accuracy"])
                yield f"{row['recipe']}: bytes, {kind}", exact(row[kind]["bytes"])


def _shipped_model(content: Any) -> Named:
    yield from _scored("accuracy", content["test"])
    for name, export in content["exports"].items():
        yield from _scored(f"{name}: accuracy", export["accuracy"])
        yield f"{name}: bytes", exact(export["bytes"])


def _bench(content: Any) -> Named:
    """The sizes of our files, and how much faster they are than the run's reference."""
    for row in content["contenders"]:
        if row["name"].startswith("onnx-") and row.get("speedup"):
            faster = estimated(row["speedup"], row["speedup_low"], row["speedup_high"])
            yield f"{row['name']}: times faster than {row['reference']}", faster
            yield f"{row['name']}: bytes", exact(row["file_bytes"])


def _quantization(content: Any) -> Named:
    for name, network in content.items():
        ours, full = network["contenders"].get("ours"), network["contenders"].get("float32")
        if ours and full and ours["round_medians_us"]:
            yield (
                f"{name}: ours, times faster than float32",
                speedup(full["round_medians_us"], ours["round_medians_us"]),
            )
            yield from _scored(f"{name}: ours, accuracy", ours)


def _robustness(content: Any) -> Named:
    for name, network in content.items():
        for file, answers in network["files"].items():
            counts = [count for kind, count in answers["correct"].items() if kind != UNCORRUPTED]
            yield f"{name}/{file}: mean of the corruptions", share(fmean(counts), answers["images"])


def _arm64(content: Any) -> Named:
    for row in content["models"]:
        for cpu, answers in row["emulated"].items():
            same = answers["agreement"] * row["images"]
            yield f"{row['model']}/{row['file']}: agreement on {cpu}", share(same, row["images"])


def _startup(content: Any) -> Named:
    found = speedup(content["seconds"]["predict"], content["seconds"]["script"])
    yield (
        "edgecnn predict: times slower than a script",
        Figure(found.value, found.low, found.high, higher_is_better=False, form=".2f"),
    )


def _time_to_accuracy(content: Any) -> Named:
    """Ratios of the times over the seeds; the range of the ratios serves as the interval."""
    for accuracy in time_to_accuracy.JUDGED:
        slow, fast = (
            time_to_accuracy.times(content["trainings"], recipe, accuracy)[0]
            for recipe in (time_to_accuracy.SLOW, time_to_accuracy.FAST)
        )
        if slow and fast:
            value, ends = median(slow) / median(fast), (min(slow) / max(fast), max(slow) / min(fast))
            yield f"{accuracy:.2%}: times sooner", estimated(value, *ends)


def _harness(content: Any) -> Named:
    for part, verdict in (("same", "no difference shown"), ("slower", "slower")):
        if part in content:
            runs = content[part]["runs"]
            yield f"{part}: {verdict}", share(sum(run["verdict"] == verdict for run in runs), len(runs))


READERS: Mapping[str, Callable[[Any], Named]] = {
    "seeds.json": _seeds,
    "reference_recipes.json": _reference_recipes,
    "card.json": _shipped_model,
    "bench-*.json*": _bench,
    "quantization.json": _quantization,
    "robustness.json": _robustness,
    "arm64.json": _arm64,
    "startup.json": _startup,
    "time_to_accuracy.json": _time_to_accuracy,
    "harness.json": _harness,
}
