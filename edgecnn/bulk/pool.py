"""Gives pictures to several processes, a few to each, and puts the answers in the order of the pictures.

Processes, not threads: finding a digit is many short steps of Python, of which one thread at a time runs
(`python -m benchmarks many-pictures`).
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from threading import Lock, local

import msgspec

from edgecnn.bulk.rows import Row, rows_of
from edgecnn.bulk.worker import Task
from edgecnn.errors import EdgecnnError
from edgecnn.processes.child import Child, ChildEndedError, ChildLateError

AT_ONCE = 16  # pictures in a request
WAITING = 3  # requests for each process that may wait: enough to keep it busy while answers are written
FEW = 64  # pictures: they are read sooner than a process starts
MOST_SECONDS = 120.0  # for a request: no picture takes a second
MOST_PROCESSES = 8

Answer = list[list[Row]]


def processors() -> int:
    """How many processes to use here, unless the user says it."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_PROCESSES)


def read_many(task: Task, files: Iterable[str], processes: int) -> Iterator[list[Row]]:
    """The rows of each picture, in the order of the files, of which only a few are held at once.

    Few pictures, or one process, are read here. Raises ModelError and InputError, and EdgecnnError if processes end.
    """
    files = iter(files)
    first = list(islice(files, FEW))
    if processes == 1 or len(first) < FEW:
        yield from _read_here(task, first, files)
        return
    with _Pool(task, processes) as pool:
        yield from pool.read(first, files)


def _read_here(task: Task, first: list[str], files: Iterator[str]) -> Iterator[list[Row]]:
    classifier = task.open()
    yield from rows_of(classifier, first, task.wanted)
    yield from rows_of(classifier, files, task.wanted)


class _Pool:
    """The processes. Each belongs to a thread, which asks it and waits for its answer."""

    def __init__(self, task: Task, processes: int) -> None:
        self.argument = msgspec.json.encode(task).decode()
        self.processes = processes
        self.threads = ThreadPoolExecutor(processes)
        self.children, self.own, self.lock = ExitStack(), local(), Lock()

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.children.close()  # which also ends the wait of the threads

    def read(self, first: list[str], files: Iterator[str]) -> Iterator[list[Row]]:
        pieces = _pieces(first, files)
        waiting: deque[Future[Answer]] = deque()
        for piece in islice(pieces, WAITING * self.processes):
            waiting.append(self.threads.submit(self._ask, piece))
        while waiting:
            answer = waiting.popleft().result()
            waiting.extend(self.threads.submit(self._ask, piece) for piece in islice(pieces, 1))
            yield from answer

    def _ask(self, files: list[str]) -> Answer:
        try:
            found = self._child().ask("read", MOST_SECONDS, files=files)
        except (ChildEndedError, ChildLateError) as error:
            raise EdgecnnError(
                f"reading {files[0]} or one of the {len(files) - 1} files after it ended a process ({error}): "
                "leave it out, or try --workers 1"
            ) from None
        return [[Row(**row) for row in rows] for rows in found]

    def _child(self) -> Child:
        if not hasattr(self.own, "child"):
            child = Child("edgecnn.bulk.worker", self.argument)
            with self.lock:
                self.children.enter_context(child)
            self.own.child = child
        found: Child = self.own.child
        return found


def _pieces(first: list[str], files: Iterator[str]) -> Iterator[list[str]]:
    for start in range(0, len(first), AT_ONCE):
        yield first[start : start + AT_ONCE]
    while piece := list(islice(files, AT_ONCE)):
        yield piece
