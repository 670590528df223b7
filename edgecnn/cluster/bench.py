"""Runs a bench on every device of a cluster: one at a time on each, and all devices at once."""

import platform
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.bench import rules as gate
from edgecnn.bench.devices import Device
from edgecnn.bench.figures import summarize
from edgecnn.bench.reports.document import decode
from edgecnn.bench.rules import Rule
from edgecnn.cluster.bench_device import Finding, bench_here
from edgecnn.cluster.connection import Cluster, Worker
from edgecnn.cluster.job import Job
from edgecnn.errors import BenchError, EdgecnnError
from edgecnn.progress import OnProgress, Progress, ignore

if TYPE_CHECKING:
    from distributed import Future

POLL_SECONDS = 2.0
ODD = re.compile(r"[^\w.-]", re.ASCII)  # what no host's name has


@dataclass(frozen=True)
class Outcome:
    """The outcome of a bench on several devices.

    `held` says which rules hold on which devices. `unjudged` says what was not scored and which rules cannot be
    checked, and why.
    """

    devices: tuple[Device, ...]
    held: tuple[str, ...]
    unjudged: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything was measured, scored and checked on every device."""
        return all(device.is_complete for device in self.devices) and not self.unjudged


def bench_devices(cluster: Cluster, job: Job, fail_if: Sequence[str] = (), progress: OnProgress = ignore) -> Outcome:
    """Measure on every device, and check the rules of `fail_if` on each.

    A device that fails stops no other. Raises UsageError for a rule that is none, and EdgecnnError if the scheduler is
    gone.
    """
    rules = [gate.parse(text) for text in fail_if]
    chosen = _one_on_each_host(cluster.workers())
    names = _names(cluster, chosen)
    found: dict[Worker, Device] = {}
    progress(Progress(f"measuring on {', '.join(names.values())}", 0, len(chosen)))
    for worker, answer in _answers(cluster, job, chosen):
        found[worker] = _device(names[worker], worker.host, answer)
        progress(Progress(f"measured on {names[worker]}", len(found), len(chosen)))
    devices = tuple(found[worker] for worker in chosen)
    return _judged(devices, rules)


def _one_on_each_host(workers: Mapping[str, Worker]) -> list[Worker]:
    hosts: dict[str, Worker] = {}
    for worker in workers.values():
        hosts.setdefault(worker.host, worker)
    return list(hosts.values())


def _names(cluster: Cluster, workers: Sequence[Worker]) -> dict[Worker, str]:
    """The host's own name where it is unique and a host's name at all, otherwise with its address."""
    addresses = [worker.address for worker in workers]
    with cluster.telling_what_is_lost():
        found = cluster.client.run(platform.node, workers=addresses, on_error="return")
    nodes = {worker: _clean(found.get(worker.address), worker.host) for worker in workers}
    counts = Counter(nodes.values())
    return {worker: name if counts[name] == 1 else f"{name} ({worker.host})" for worker, name in nodes.items()}


def _clean(name: object, host: str) -> str:
    return ODD.sub("?", name) if isinstance(name, str) and name else host


def _answers(cluster: Cluster, job: Job, workers: Sequence[Worker]) -> Iterator[tuple[Worker, Finding | str]]:
    """Each worker with what it found, or with the reason why it found nothing, as they end."""
    pending = {worker: _submit(cluster, job, worker) for worker in workers}
    while pending:
        _wait(cluster, list(pending.values()))
        here = cluster.workers()
        for worker, answer in list(pending.items()):
            if answer.done():
                yield worker, _finding(cluster, pending.pop(worker))
            elif worker.address not in here:
                pending.pop(worker).cancel()
                yield worker, "its worker ended before the bench did: look into the worker's log, and start it again"


def _submit(cluster: Cluster, job: Job, worker: Worker) -> "Future[Finding]":
    with cluster.telling_what_is_lost():
        return cluster.client.submit(
            bench_here, job, workers=[worker.address], allow_other_workers=False, pure=False, priority=1
        )


def _wait(cluster: Cluster, answers: "Sequence[Future[Finding]]") -> None:
    from distributed import wait

    try:
        with cluster.telling_what_is_lost():
            wait(answers, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
    except EdgecnnError:  # the time is over, or the scheduler is gone, which asking it for its workers tells
        return


def _finding(cluster: Cluster, answer: "Future[Finding]") -> Finding | str:
    with cluster.telling_what_is_lost():
        if answer.status != "error":
            found: Finding = answer.result()
            return found
        error = answer.exception()
    return str(error) if isinstance(error, EdgecnnError) else f"{type(error).__name__}: {error}"


def _device(name: str, address: str, answer: Finding | str) -> Device:
    if isinstance(answer, str):
        return Device(name, address, failure=answer)
    if answer.report is None:
        return Device(name, address, failure=answer.said)
    try:
        return Device(name, address, summarize(decode(answer.report)))
    except (ValueError, RecursionError, BenchError) as error:
        return Device(name, address, failure=f"its report cannot be read: {error}")


def _judged(devices: tuple[Device, ...], rules: Sequence[Rule]) -> Outcome:
    held, unjudged = [], []
    for device in (device for device in devices if device.summary):
        assert device.summary is not None
        known = [rule for rule in rules if any(row.name == rule.contender for row in device.rows)]
        held += [f"{device.name}: {hit}" for hit in gate.held(known, device.rows)]
        reasons = [*device.summary.bench.unscored, *gate.unjudged(known, device.rows)]
        reasons += [
            f"{rule.text!r} cannot be judged, {rule.contender} was not measured" for rule in rules if rule not in known
        ]
        unjudged += [f"{device.name}: {reason}" for reason in reasons]
    return Outcome(devices, tuple(held), tuple(unjudged))
