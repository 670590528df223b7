"""Figures of originals that were measured where their bundles were made, and what is compared with them. Pure.

Labels are compared image by image. Times are not: they are those of another machine, or of another day.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgecnn.bench import stats
from edgecnn.bench.pace import latency, scored, throughput
from edgecnn.bench.results import Bench, Measurement, Recorded
from edgecnn.metrics import agreement

HERE = "this machine"
Figures = dict[str, Any]


def name_of(bench: Bench, recorded: Recorded, item: Measurement) -> str:
    """What a recorded way of calling TensorFlow is called in a run, such as "tf-function, recorded"."""
    model = f"{recorded.model}/" if len(bench.recorded) > 1 else ""
    return f"{model}{item.contender.name}, recorded"


def place_of(recorded: Recorded) -> str:
    """Where it was recorded, in short: the board or the processor, and the day."""
    host = recorded.host
    return f"{host.board or host.cpu or host.machine}, {recorded.started[:10]}"


def recorded_rows(bench: Bench) -> Iterator[Figures]:
    """The fields of a row for each recorded way of calling TensorFlow."""
    for recorded in bench.recorded:
        for item in recorded.measurements:
            yield {
                "name": name_of(bench, recorded, item),
                "model": recorded.model,
                "runtime": "tensorflow",
                "variant": item.contender.variant,
                "file": item.contender.file.name,
                "failure": None,
                "machine": place_of(recorded),
                "file_bytes": item.file_bytes,
                "throughput_ips": throughput(item, item.rounds[0].batch),
                **latency(item.rounds),
                **scored(item),
            }


def against_recorded(bench: Bench, item: Measurement) -> Figures:
    """What the labels of a contender are beside the recorded ones of the same images; empty if there are none."""
    here = {"machine": HERE} if bench.recorded else {}
    recorded = _recorded_of(bench, item)
    if recorded is None:
        return here
    labels, truth = recorded.fastest.answers, bench.datasets[recorded.images_sha256].truth
    assert labels
    assert item.answers
    counts = stats.discordant(labels, item.answers, truth)
    return here | {
        "agreement": agreement(np.array(item.answers), np.array(labels)),
        "agrees_with": name_of(bench, recorded, recorded.fastest),
        "p_accuracy": stats.mcnemar(*counts),
        "accuracy_verdict": stats.accuracy_verdict(*counts),
    }


def recorded_pairs(bench: Bench, measured: Sequence[Measurement]) -> Iterator[Figures]:
    """The fields of a pair of the recorded original and each contender of the same model, without a ratio of times."""
    for item in measured:
        recorded = _recorded_of(bench, item)
        if recorded is None:
            continue
        labels = recorded.fastest.answers
        yield {
            "first": name_of(bench, recorded, recorded.fastest),
            "second": item.contender.name,
            "ratio": None,
            "verdict": None,
            "changed": tuple(np.flatnonzero(np.array(labels) != np.array(item.answers)).tolist()),
            "p_accuracy": against_recorded(bench, item)["p_accuracy"],
        }


def _recorded_of(bench: Bench, item: Measurement) -> Recorded | None:
    """The record of the contender's model, if both answered the images that came with it."""
    seen = bench.data.get(item.contender.model)
    for recorded in bench.recorded:
        if recorded.model == item.contender.model and recorded.images_sha256 == seen and seen in bench.datasets:
            images = len(bench.datasets[seen].truth)
            if len(item.answers or ()) == len(recorded.fastest.answers or ()) == images:
                return recorded
    return None
