"""Schedulers and workers of Dask as processes of their own, as their users start them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

PATIENCE = 60.0  # seconds: other tests keep the processors busy
LISTENS = re.compile(r"Scheduler at: +(t(?:cp|ls)://[\w.:]+)")
REGISTERED = "Registered to:"
T = TypeVar("T")
THIN = {"OMP_NUM_THREADS": "1"}


@dataclass
class Running:
    """A process and what it has logged."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, pattern: str) -> str:
        """What the log says of it, as soon as it does: the first group, or all that matches."""

        def found() -> str | None:
            match = re.search(pattern, self.log.read_text(errors="replace"))
            return (match[1] if match.groups() else match[0]) if match else None

        return until(found, lambda: f"{self.process.args!r} does not say {pattern!r}: {self.log.read_text()}")


@dataclass
class Cluster:
    """A scheduler, and its workers by name."""

    address: str
    folder: Path
    scheduler: Running
    workers: dict[str, Running] = field(default_factory=dict)


def until(ask: Callable[[], T | None], otherwise: Callable[[], str] = lambda: "too late") -> T:
    """The first answer that is not None. Fails with what `otherwise` says if there is none in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (answer := ask()) is not None:
            return answer
        time.sleep(0.05)
    raise AssertionError(otherwise())


@contextmanager
def started(
    log: Path,
    module: str,
    *arguments: str,
    prefix: Sequence[str] = (),
    python: str = sys.executable,
    **environment: str,
) -> Iterator[Running]:
    """A program of Dask's command line, which is ended with its children afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, python, "-m", f"distributed.cli.{module}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **THIN, **environment},
            start_new_session=True,
        )
    try:
        yield Running(process, log)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """A nanny is asked first, which then ends its worker."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def scheduler(
    folder: Path, host: str = "127.0.0.1", *options: str, prefix: Sequence[str] = (), **environment: str
) -> Iterator[Cluster]:
    """A scheduler without workers, on a port that is free."""
    arguments = ("--host", host, "--port", "0", "--no-dashboard", *options)
    with started(folder / "scheduler.log", "dask_scheduler", *arguments, prefix=prefix, **environment) as running:
        yield Cluster(running.said(LISTENS.pattern), folder, running)


@contextmanager
def worker(
    cluster: Cluster,
    name: str,
    host: str,
    *options: str,
    prefix: Sequence[str] = (),
    python: str = sys.executable,
    **environment: str,
) -> Iterator[Running]:
    """A worker that has joined, with one thread and, unless `options` want one, without a nanny."""
    nanny = () if "--nanny" in options else ("--no-nanny",)
    arguments = (cluster.address, "--host", host, "--name", name, "--nthreads", "1", "--no-dashboard", *nanny)
    local = ("--local-directory", str(cluster.folder / name))
    log = cluster.folder / f"{name}.log"
    with started(
        log, "dask_worker", *arguments, *local, *options, prefix=prefix, python=python, **environment
    ) as running:
        running.said(REGISTERED)
        cluster.workers[name] = running
        yield running
        cluster.workers.pop(name, None)
