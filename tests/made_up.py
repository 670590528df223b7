"""Runs of chosen samples, so that every figure of theirs can be worked out by hand; and what makes real ones quick."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgecnn.bench import Runtime
from edgecnn.bench.contenders import PREFIXES, Contender
from edgecnn.bench.results import Bench, Data, Load, Measurement, Memory, Picture, Plan, Round
from edgecnn.data import Dataset
from edgecnn.host.machine import Clock, Host
from edgecnn.host.watch import Reading, StabilityIssue
from edgecnn.metrics import Accuracy

MIB = 2**20
MODEL, OTHER_MODEL = "models/edge", "models/other"
HOST = Host(
    system="Linux",
    machine="aarch64",
    cpu="Cortex-A76",
    board="Raspberry Pi 5 Model B Rev 1.0",
    cores=4,
    instruction_sets=("NEON", "dotprod"),
    memory_bytes=4 * 2**30,
    cpu_limit=None,
    memory_limit=None,
    python="3.11.2",
    versions={"edgecnn": "0.1.0", "onnxruntime": "1.24.1"},
)
CLOCK = Clock("clock_gettime(CLOCK_MONOTONIC)", 1.0, 37, 41.5)
QUIET = Reading(0.0, "performance", 2400.0, 55.0, 0, None, 1000.0, 0.0, 5.0, None, 0.5, "cpufreq-dt")
HOT = StabilityIssue("the CPU reached 84 °C", "fit a heat sink or a fan")

# For real runs: a second for each contender.
QUICK = Plan(duration=0.05, warm_up=0.01, warm_up_queries=2, rounds=3, queries=10)

# A test split of 100 images, ten of each class.
TRUTH = tuple(index % 10 for index in range(100))
DIGITS = Data("mnist", tuple("0123456789"), TRUTH, (Picture(0, "iVBORw0KGgo="),))
DIGITS_SHA256, OTHER_SHA256 = "d" * 64, "0" * 64


def save_digits(mnist: Dataset, path: Path) -> Path:
    """Real ones: 60 to train with, 20 to test."""
    train, test = mnist.train, mnist.test
    np.savez(
        path, x_train=train.images[:60], y_train=train.labels[:60], x_test=test.images[:20], y_test=test.labels[:20]
    )
    return path


def answers(wrong: Sequence[int] = (), truth: Sequence[int] = TRUTH) -> tuple[int, ...]:
    """The right labels, but for these images the next class."""
    return tuple((label + 1) % 10 if index in set(wrong) else label for index, label in enumerate(truth))


def contender(name: str, model: str = MODEL, batch: int = 1) -> Contender:
    """By its name, such as tf-function or other/onnx-int8."""
    found = re.search(rf"({'|'.join(PREFIXES.values())})-(.*)", name)
    assert found, name
    prefix, variant = found.groups()
    runtime: Runtime = next(runtime for runtime, known in PREFIXES.items() if known == prefix)
    file = "model.keras" if runtime == "tensorflow" else "model.onnx"
    return Contender(name, model, runtime, variant, Path(model, file), 1, batch)


def stream(number: int, us: Sequence[float], batch: int = 1, rate: float | None = None) -> Round:
    """A round whose queries took so many microseconds, one after another."""
    ns = tuple(round(1000 * value) for value in us)
    return Round(number, batch, rate, len(ns), sum(ns), ns)


def streams(us: Sequence[float], queries: int = 1, batch: int = 1) -> tuple[Round, ...]:
    """A round for each figure, which all its queries took."""
    return tuple(stream(number, [value] * queries, batch) for number, value in enumerate(us))


def measured(
    name: str,
    rounds: Sequence[Round],
    *,
    model: str = MODEL,
    given: Sequence[int] | None = None,
    truth: Sequence[int] = TRUTH,
    processes: int = 1,
    file_bytes: int = 2500,
    failure: str | None = None,
) -> Measurement:
    """A contender that gave these labels, or that had no data. Each process starts and takes as much as the others."""
    right = sum(label == answer for label, answer in zip(truth, given, strict=True)) if given else 0
    return Measurement(
        contender=contender(name, model, rounds[0].batch if rounds else 1),
        file_bytes=file_bytes,
        loads=(Load(1_500_000, 12_000_000, 250_000, 160_000_000),) * processes,
        memories=(Memory(74 * MIB, 50 * MIB),) * processes,
        rounds=tuple(rounds),
        floor_ns=(3000, 2000, 4000),
        answers=tuple(given) if given else None,
        accuracy=Accuracy("test", right, len(truth)) if given else None,
        failure=failure,
    )


def failed(name: str, failure: str, model: str = MODEL) -> Measurement:
    """A contender that did not get as far as its first answer."""
    return Measurement(contender(name, model), 2500, failure=failure)


def bench(
    *measurements: Measurement,
    plan: Plan | None = None,
    host: Host = HOST,
    data: dict[str, str] | None = None,
    datasets: dict[str, Data] | None = None,
    stability_issues: Sequence[StabilityIssue] = (),
    missing: Sequence[str] = (),
    partial: bool = False,
) -> Bench:
    """A run of these. By default every model that was asked for labels was measured with DIGITS."""
    labeled = {item.contender.model for item in measurements if item.answers}
    data = dict.fromkeys(labeled, DIGITS_SHA256) if data is None else data
    return Bench(
        started="2026-03-01T12:00:00+00:00",
        plan=plan or Plan(),
        host=host,
        clock=CLOCK,
        data=data,
        datasets=dict.fromkeys(data.values(), DIGITS) if datasets is None else datasets,
        measurements=measurements,
        readings=(QUIET,),
        stability_issues=tuple(stability_issues),
        missing=tuple(missing),
        empty_python=10 * MIB,
        elapsed_s=12.5,
        coordinator_cpu_s=0.5,
        partial=partial,
    )
