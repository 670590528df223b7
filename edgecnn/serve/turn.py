"""Turn: how many requests are answered in one turn of the event loop, and their notes, written together at its end.

All that came before a turn wait for one another in it. So the number that is answered bounds how long the last one
waits, and how long those wait that come meanwhile.
"""

import asyncio
import time
from collections.abc import Callable

from edgecnn.serve.notes import Note, Notes

# A queue that is full once has taken a burst, and does its work. One that stays full only adds its length to each
# answer. So after two turns in a row with more requests than the queue has places, an eighth of the places is used,
# until the loop has time to spare: it was idle for so large a share of so many seconds. The idea, and the seconds, are
# those of K. Nichols and V. Jacobson, "Controlling Queue Delay", 2012.
SHORTER = 8
SPARE, WINDOW = 0.35, 0.1


class Turn:
    """The turn that the event loop is in. At most `queue` requests are answered in it."""

    def __init__(self, queue: int, notes: Notes, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` returns seconds."""
        self._queue, self._most, self._notes, self._clock = queue, queue, notes, clock
        self._number = 0  # of requests that were answered or refused
        self._was_full = False  # the turn before
        self._ended = self._since = clock()  # the last turn, and the window in which idle seconds are added up
        self._idle = 0.0
        self._noted: list[Note] = []

    def has_room(self) -> bool:
        """Count one more request, and tell whether it may be answered."""
        if not self._number:
            self._begin()
        self._number += 1
        return self._number <= self._most

    def note(self, note: Note) -> None:
        """Write a note when the turn ends: the answers go out first. `has_room` came before."""
        self._noted.append(note)

    def _begin(self) -> None:
        asyncio.get_running_loop().call_soon(self._end)
        now = self._clock()
        self._idle += now - self._ended
        if now - self._since >= WINDOW:
            if self._idle > SPARE * (now - self._since):
                self._most = self._queue
            self._idle, self._since = 0.0, now

    def _end(self) -> None:
        is_full = self._number > self._queue
        if is_full and self._was_full:
            self._most, self._idle, self._since = max(1, self._queue // SHORTER), 0.0, self._clock()
        self._was_full, self._number = is_full, 0
        noted, self._noted = self._noted, []
        self._notes.write(noted)
        self._ended = self._clock()
