"""Notes: what is counted and logged of requests that are answered."""

from collections.abc import Sequence
from typing import NamedTuple

from edgecnn.serve import log
from edgecnn.serve.metrics import Metrics


class Note(NamedTuple):
    """A request that was answered in so many seconds. `time` is when, in seconds since 1970."""

    method: str
    path: str
    route: str
    status: int
    seconds: float
    request_id: bytes
    time: float


class Notes:
    """Counts notes, and logs them if `logs`."""

    def __init__(self, metrics: Metrics, logs: bool) -> None:
        self._metrics, self._logs = metrics, logs

    def write(self, notes: Sequence[Note]) -> None:
        for note in notes:
            self._metrics.answered(note.route, note.status, note.seconds)
        if self._logs:
            log.write_lines([_line(note) for note in notes])


def _line(note: Note) -> str:
    return log.line(
        note.time,
        method=note.method,
        path=note.path[: log.LONGEST],
        status=note.status,
        ms=round(note.seconds * 1000, 3),
        id=note.request_id.decode(),
    )
