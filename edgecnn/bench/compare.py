"""Compares a run with an earlier one: what changed, by how much, and whether the two may be compared at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from edgecnn.bench import stats
from edgecnn.bench.figures import highest_rate
from edgecnn.bench.pace import paces, reference_of
from edgecnn.bench.results import Bench, Measurement, Plan
from edgecnn.bench.stats import Estimate
from edgecnn.errors import BenchError
from edgecnn.host.machine import Host

# Turns stats.speed_verdict (of now over then) into better or worse: for figures where higher is better, and lower.
IF_HIGHER = {"faster": "better", "slower": "worse"}
IF_LOWER = {"faster": "worse", "slower": "better"}
SAME = "no difference shown"


@dataclass(frozen=True)
class Change:
    """One figure of one contender, then and now.

    `change` is now divided by then, with its 95 % interval; for `accuracy` it is now minus then. `verdict` is "better",
    "worse" or "no difference shown".
    """

    contender: str
    figure: str
    then: float
    now: float
    change: Estimate
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Every figure's change since an earlier run.

    `earlier` is the time at which the earlier run started. `forced` holds the reasons why the two runs are not
    comparable, if the user forced the comparison. `notes` says what else differs. `only_then` and `only_now` name the
    contenders that only one of the runs has.
    """

    earlier: str
    forced: tuple[str, ...]
    notes: tuple[str, ...]
    changes: tuple[Change, ...]
    only_then: tuple[str, ...]
    only_now: tuple[str, ...]


def require_comparable(earlier: Bench, host: Host, plan: Plan, *, force: bool = False) -> tuple[str, ...]:
    """The reasons why a run on `host` with `plan` is not comparable with an earlier one; empty if it is.

    Raises BenchError if there are reasons, unless `force` is set.
    """
    pairs = [(name, earlier.host.identity[name], value) for name, value in host.identity.items()]
    settings = ["scenario", "threads", "batch"]
    if plan.scenario == "server":
        settings += ["rates", "latency_bound_us"]
    pairs += [(name, getattr(earlier.plan, name), getattr(plan, name)) for name in settings]
    reasons = tuple(f"{name} was {then}, now {now}" for name, then, now in pairs if then != now)
    if reasons and not force:
        raise BenchError(
            f"the run of {earlier.started} is not comparable: {'; '.join(reasons)}; measure it again with the same "
            "settings on the same host, or add --force to compare anyway"
        )
    return reasons


def compare(earlier: Bench, now: Bench, forced: Sequence[str] = ()) -> Comparison:
    """Compute every figure's change since the earlier run. Contenders are matched by name."""
    before = {item.contender.name: item for item in earlier.measurements if item.rounds and not item.failure}
    after = {item.contender.name: item for item in now.measurements if item.rounds and not item.failure}
    both = [(before[name], after[name]) for name in after if name in before]
    changes = [
        change
        for then, item in both
        for change in (*_accuracy(earlier, then, now, item), *_changes(earlier, then, now, item))
    ]
    return Comparison(
        earlier=earlier.started,
        forced=tuple(forced),
        notes=_notes(earlier, now, both),
        changes=tuple(changes),
        only_then=tuple(name for name in before if name not in after),
        only_now=tuple(name for name in after if name not in before),
    )


def _notes(earlier: Bench, now: Bench, both: Sequence[tuple[Measurement, Measurement]]) -> tuple[str, ...]:
    """Differences that do not forbid a comparison but may explain it: versions, data, an unstable earlier run."""
    then, here = ({"Python": bench.host.python, **bench.host.versions} for bench in (earlier, now))
    notes = [
        f"{name} was {then.get(name, 'not installed')}, now {here.get(name, 'not installed')}"
        for name in sorted(then.keys() | here.keys())
        if then.get(name) != here.get(name)
    ]
    seen = {(earlier.data.get(old.contender.model), now.data.get(new.contender.model)) for old, new in both}
    notes += [
        f"the test images were {_images(earlier, old)}, now {_images(now, new)}"
        for old, new in sorted(seen, key=str)
        if old != new
    ]
    if earlier.stability_issues:
        notes.append("the earlier run was unstable: " + "; ".join(issue.reason for issue in earlier.stability_issues))
    return tuple(notes)


def _images(bench: Bench, sha256: str | None) -> str:
    known = bench.datasets.get(sha256 or "")
    return f"{known.source if known else 'unknown data'} ({sha256[:8]})" if sha256 else "noise"


def _accuracy(earlier: Bench, then: Measurement, now: Bench, item: Measurement) -> list[Change]:
    """The verdict is by McNemar's test if both runs saw the same images, otherwise by the difference's interval."""
    if then.accuracy is None or item.accuracy is None:
        return []
    difference = stats.difference(item.accuracy, then.accuracy)
    seen = now.data[item.contender.model]
    same = seen == earlier.data.get(then.contender.model)
    if same and then.answers and item.answers and len(then.answers) == len(item.answers):
        right = stats.discordant(then.answers, item.answers, now.datasets[seen].truth)
        verdict = {"more accurate": "better", "less accurate": "worse"}.get(stats.accuracy_verdict(*right), SAME)
    elif difference.low is not None and difference.high is not None and not difference.low <= 0 <= difference.high:
        verdict = "better" if difference.value > 0 else "worse"
    else:
        verdict = SAME
    return [Change(item.contender.name, "accuracy", then.accuracy.value, item.accuracy.value, difference, verdict)]


def _changes(earlier: Bench, then: Measurement, now: Bench, item: Measurement) -> list[Change]:
    before, after = _samples(earlier, then), _samples(now, item)
    if _yardstick(earlier, then) != _yardstick(now, item):
        after.pop("speedup", None)
    name = item.contender.name
    return [_change(name, figure, before[figure], after[figure]) for figure in after if before.get(figure)]


def _yardstick(bench: Bench, item: Measurement) -> str | None:
    """What the speed-up is measured against: "" for the model's own original, otherwise the reference's name.

    Two speed-ups compare only if this is equal. Which way of TensorFlow was the fastest does not matter.
    """
    reference = reference_of(bench, item)
    if reference is None:
        return None
    own = reference.contender.is_original and reference.contender.model == item.contender.model
    return "" if own else reference.contender.name


def _change(contender: str, figure: str, then: Sequence[float], now: Sequence[float]) -> Change:
    ratio = _exact(then[0], now[0]) if figure == "file_bytes" else stats.ratio(now, then, paired=False)
    better = IF_HIGHER if figure.startswith(("throughput", "speedup", "rate")) else IF_LOWER
    verdict = better.get(stats.speed_verdict(ratio), SAME)
    return Change(contender, figure, median(then), median(now), ratio, verdict)


def _exact(then: float, now: float) -> Estimate:
    return Estimate(now / then, now / then, now / then)


def _samples(bench: Bench, item: Measurement) -> dict[str, list[float]]:
    """Each figure's values, one per round or one per process. Figures without enough samples are left out."""
    samples = _latencies(item) | _throughputs(item)
    reference = reference_of(bench, item)
    if reference is not None and reference is not item:
        slow, fast = paces(reference), paces(item)
        samples["speedup"] = [slow[number] / fast[number] for number in fast if number in slow]
    for figure, name in {"init_ms": "init_ns", "first_ms": "first_ns", "cold_ms": "cold_ns"}.items():
        samples[figure] = [getattr(load, name) / 1e6 for load in item.loads]
    for figure, name in {"peak_mib": "peak", "steady_mib": "steady"}.items():
        samples[figure] = [(getattr(memory, name) - bench.empty_python) / 2**20 for memory in item.memories]
    samples["file_bytes"] = [float(item.file_bytes)]
    rate = highest_rate(bench, item)
    samples["rate_qps"] = [] if rate is None else [rate]
    return {figure: values for figure, values in samples.items() if values and min(values) > 0}


def _latencies(item: Measurement) -> dict[str, list[float]]:
    """Each round's percentiles in microseconds, if all rounds together have enough samples for the percentile."""
    if len({(part.batch, part.rate) for part in item.rounds}) > 1:
        return {}
    everything = sorted(value for part in item.rounds for value in part.ns)
    rounds = [sorted(part.ns) for part in item.rounds]
    return {
        figure: [stats.percentile(values, share) / 1000 for values in rounds]
        for figure, share in {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99}.items()
        if stats.quoted(everything, share) is not None
    }


def _throughputs(item: Measurement) -> dict[str, list[float]]:
    """Images per second in each round; one figure per batch size if there are several."""
    found: dict[str, list[float]] = {}
    batches = {part.batch for part in item.rounds}
    for part in item.rounds:
        if part.rate is None:
            figure = "throughput_ips" if len(batches) == 1 else f"throughput_ips at batch {part.batch}"
            found.setdefault(figure, []).append(part.batch * part.queries / (part.elapsed_ns / 1e9))
    return found
