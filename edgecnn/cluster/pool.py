"""Gives pictures to the workers of a cluster, a few to each, and puts the answers in the order of the pictures.

Dask gives the work of a worker that ends to another one. Only an answer that has arrived here becomes rows, so that
nothing is lost and nothing is there twice.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.bulk.rows import ERROR, Row
from edgecnn.bulk.worker import Task
from edgecnn.cluster.connection import Cluster, own_version
from edgecnn.cluster.device import Work, read
from edgecnn.cluster.pictures import Piece, pieces
from edgecnn.errors import EdgecnnError
from edgecnn.files import sha256
from edgecnn.folder import find_onnx
from edgecnn.readings import reads_digits

if TYPE_CHECKING:
    from distributed import Future

WAITING = 3  # pieces for each thread of the workers: enough to keep it busy while an answer travels
MOST_WAITING = 16  # of which most have answers already, that wait for an earlier one from a slow device
MOST_BYTES = 2**26  # of the files that are under way: the scheduler holds them too
POLL_SECONDS = 2.0  # after which the workers are counted again
ALONE_SECONDS = 40.0  # without any worker: one that is started again by its nanny is back sooner
STILL_SECONDS = 900.0  # without any answer, though there are workers: the slowest device needs one for a piece
RETRIES = 2  # for what fails on one device, whose disk may be full

Answer = list[list[Row]]


def read_on_workers(cluster: Cluster, task: Task, files: Iterable[str]) -> Iterator[list[Row]]:
    """The rows of each picture, in the order of the files, of which only a few are held at once.

    They are those of one machine. A picture whose workers all ended while they read it gets a row with ERROR. Raises
    ModelError and InputError, and EdgecnnError if the scheduler or all workers are gone.
    """
    return _Pool(cluster, task).read(pieces(files))


@dataclass(frozen=True)
class _Sent:
    """Pictures that are under way, and their answer to come."""

    piece: Piece
    answer: "Future[Answer]"

    @property
    def size(self) -> int:
        return sum(picture.size for picture in self.piece)


class _Pool:
    """The workers, and what they were given."""

    def __init__(self, cluster: Cluster, task: Task) -> None:
        path = find_onnx(task.model)
        reads_digits(task.open())  # what is wrong with the model is told here
        self.cluster, self.client = cluster, cluster.client
        self.work = Work(own_version(), str(path), sha256(path), task.preprocess, task.wanted)
        with cluster.telling_what_is_lost():
            # As the result of a task, so that Dask makes it again if the workers that hold it end.
            content = path.read_bytes()
            self.model = self.client.submit(bytes, content, key=f"edgecnn-model-{self.work.sha256}", pure=False)
        self.waiting: deque[_Sent] = deque()
        self.threads, self.counted_at = 1, 0.0
        self.seen_at = self.answered_at = time.monotonic()  # a worker, and an answer

    def read(self, todo: Iterator[Piece]) -> Iterator[list[Row]]:
        while True:
            self._send(todo)
            if not self.waiting:
                return
            self._wait()
            while self.waiting and self.waiting[0].answer.done():
                yield from self._rows(self.waiting.popleft())
                self._send(todo)

    def _send(self, todo: Iterator[Piece]) -> None:
        self._count()
        while self._has_room() and (piece := next(todo, None)):
            self.waiting.append(_Sent(piece, self._submit(piece)))

    def _has_room(self) -> bool:
        unanswered = sum(1 for sent in self.waiting if not sent.answer.done())
        under_way = sum(sent.size for sent in self.waiting)
        return not self.waiting or (
            unanswered < WAITING * self.threads
            and len(self.waiting) < MOST_WAITING * self.threads
            and under_way < MOST_BYTES
        )

    def _submit(self, piece: Piece) -> "Future[Answer]":
        with self.cluster.telling_what_is_lost():
            return self.client.submit(read, self.model, self.work, piece, pure=False, retries=RETRIES)

    def _wait(self) -> None:
        """Until an answer has come, or a moment without one. Raises EdgecnnError if nobody is left to give one."""
        from distributed import wait

        unanswered = [sent.answer for sent in self.waiting if not sent.answer.done()]
        if not unanswered or self.waiting[0].answer.done():
            return
        try:
            with self.cluster.telling_what_is_lost():
                wait(unanswered, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
            self.answered_at = time.monotonic()
        except EdgecnnError:  # the time is over, or the scheduler is gone, which counting the workers tells
            self.counted_at = 0.0
        self._count()

    def _count(self) -> None:
        now = time.monotonic()
        if now - self.counted_at < POLL_SECONDS:
            return
        found = sum(worker.threads for worker in self.cluster.workers().values())
        self.counted_at = now
        if found:
            self.threads, self.seen_at = found, now
        elif now - self.seen_at > ALONE_SECONDS:
            raise EdgecnnError(
                f"the scheduler at {self.cluster.address} has no workers any more{self._at()}: "
                "start some, then give --resume with the same file to continue"
            )
        if now - self.answered_at > STILL_SECONDS:
            raise EdgecnnError(
                f"no worker of {self.cluster.address} has answered for {STILL_SECONDS / 60:.0f} minutes{self._at()}: "
                "start them again, then give --resume with the same file to continue"
            )

    def _at(self) -> str:
        if not self.waiting:
            return ""
        first, *others = self.waiting[0].piece
        after = f" or one of the {len(others)} after it" if others else ""
        return f"; {first.name}{after} was to be read next"

    def _rows(self, sent: _Sent) -> Answer:
        from distributed.scheduler import KilledWorker

        try:
            return self._result(sent)
        except KilledWorker:
            return [rows for picture in sent.piece for rows in self._alone((picture,))]

    def _alone(self, piece: Piece) -> Answer:
        """Read a picture while nothing else is read: else a worker's end would be blamed on whatever it was given."""
        from distributed.scheduler import KilledWorker

        self._let_others_end()
        sent = _Sent(piece, self._submit(piece))
        self.waiting.appendleft(sent)
        try:
            while not sent.answer.done():
                self._wait()
            return self._result(sent)
        except KilledWorker as killed:
            return [[Row(piece[0].name, verdict=ERROR, error=_blame(piece[0].name, killed.allowed_failures + 1))]]
        finally:
            self.waiting.popleft()

    def _let_others_end(self) -> None:
        while not all(sent.answer.done() for sent in self.waiting):
            self._wait_for_all([sent.answer for sent in self.waiting])

    def _wait_for_all(self, answers: "Sequence[Future[Answer]]") -> None:
        from distributed import wait

        try:
            with self.cluster.telling_what_is_lost():
                wait(answers, timeout=POLL_SECONDS)
        except EdgecnnError:
            self.counted_at = 0.0
        self._count()

    def _result(self, sent: _Sent) -> Answer:
        """Raises KilledWorker, and EdgecnnError for whatever else went wrong."""
        from distributed.scheduler import KilledWorker

        with self.cluster.telling_what_is_lost():
            if sent.answer.status != "error":
                found: Answer = sent.answer.result()
                return found
            error = sent.answer.exception()
        if isinstance(error, EdgecnnError | KilledWorker):
            raise error
        raise EdgecnnError(
            f"a worker failed while it read {sent.piece[0].name} or one of the {len(sent.piece) - 1} files after it "
            f"({type(error).__name__}: {error})"
        )


def _blame(name: str, deaths: int) -> str:
    ended = "the worker that read it alone ended" if deaths == 1 else f"the {deaths} workers that read it alone ended"
    return f"{name} was not read: {ended}; leave it out, or try it with --raw"
