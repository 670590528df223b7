"""Ends a command when a signal asks for it: within two seconds, with one line on stderr and exit code 128 + signal.

A signal that comes before `run` ends in a traceback, so this imports little.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from contextlib import contextmanager

TYPE_CHECKING = False  # as in typing, which takes as long to import as all of the above
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 1.4  # seconds in which the main thread may end by itself


class Stopped(KeyboardInterrupt):
    """A signal asked the command to stop. Whatever handles Ctrl-C handles it."""


class _Stop:
    """What is known of the signal, if there was one: the main thread and the watcher share it."""

    signal = 0
    raised = False
    insisted = False  # whether a second signal came
    until = 0.0  # on the monotonic clock: when the watcher ends the process
    line = "stopped; no file was written"
    written: tuple[str, ...] = ()
    leaving = threading.Lock()


def run(command: Callable[[], object]) -> None:
    """Run the whole of a command in the main thread. Does not return if a signal stops it."""
    _listen()
    try:
        try:
            command()
        finally:
            if not _Stop.signal:
                _listen_no_more()
    except BaseException:  # after a signal, libraries raise all kinds of things
        if not _Stop.signal:
            raise
    if _Stop.signal:
        _leave()


def stopped() -> bool:
    """Whether a signal has asked this command to stop."""
    return bool(_Stop.signal)


def keep(line: str) -> None:
    """Set the line that says what is kept if the command is stopped from now on; an empty one is not said."""
    _Stop.line = line


def wrote(*paths: Path) -> None:
    """Remember complete files, so that the line names them."""
    _Stop.written += tuple(map(str, paths))
    keep(f"stopped; written before that: {', '.join(_Stop.written)}")


def allow(seconds: float) -> None:
    """Give the main thread so many seconds from now: there is a partial result to write.

    A second signal takes them, also one that came before.
    """
    if not _Stop.insisted:
        _Stop.until = max(_Stop.until, time.monotonic() + seconds)


@contextmanager
def handled_by(handler: Callable[[int], object]) -> Iterator[None]:
    """Let a server handle signals itself: it may answer what is in flight, and take SIGHUP for something else.

    Signals that were ignored, as nohup does, stay so. What ends of itself is to call `end` afterwards.
    """
    signal.set_wakeup_fd(-1)  # the watcher hears no more of them
    for number in SIGNALS:
        if signal.getsignal(number) is _raise:
            signal.signal(number, lambda received, _: handler(received))
    yield


def end(number: int, line: str) -> NoReturn:
    """End the process as if that signal had stopped it now, with a line on stderr. It does not unwind."""
    _Stop.signal = number
    keep(line)
    _leave()


def _listen() -> None:
    ours = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # as nohup sets it
    _fill_gaps()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read,), daemon=True).start()
    for number in ours:
        signal.signal(number, _raise)


def _fill_gaps() -> None:
    """Open /dev/null in the place of a closed stdin, stdout or stderr: the pipe must not become one of them."""
    while (lowest := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(lowest)


def _listen_no_more() -> None:
    """The work is done and its exit code settled: let Python and TensorFlow take their second to end undisturbed."""
    for number in SIGNALS:
        if signal.getsignal(number) is _raise:
            signal.signal(number, signal.SIG_IGN)


def _raise(number: int, _: Any) -> None:
    """In the main thread: end what it does. Later signals must not disturb the clean-up."""
    _Stop.signal = _Stop.signal or number
    sys.unraisablehook = _hide_stopped
    if not _Stop.raised:
        _Stop.raised = True
        raise Stopped


def _hide_stopped(unraisable: Any) -> None:
    """No traceback where Python can only print what a destructor raises."""
    if not isinstance(unraisable.exc_value, Stopped):
        sys.__unraisablehook__(unraisable)


def _watch(pipe: int) -> None:
    """Wait for a signal, and then until the main thread has ended, or until its time is over.

    A main thread in a long call of a C library runs no signal handler, and some libraries swallow what it raises.
    """
    while (number := os.read(pipe, 1)[0]) not in SIGNALS:
        pass  # another signal, which a library handles
    _Stop.signal = _Stop.signal or number
    allow(GRACE)
    while (left := _Stop.until - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0] and os.read(pipe, 1)[0] in SIGNALS:
            _Stop.insisted = True
            _Stop.until = min(_Stop.until, time.monotonic() + GRACE)
    _leave()


def _leave() -> NoReturn:
    """End the process without unwinding. Its children die with it."""
    from edgecnn.scratch import delete_all

    if _Stop.leaving.acquire(timeout=GRACE):  # else the other thread is stuck while it leaves
        delete_all()
        _write(_Stop.line)
    os._exit(128 + _Stop.signal)


def _write(line: str) -> None:
    """Not by sys.stderr, which the main thread may be using."""
    if not line:
        return
    try:
        cursor = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar that did not end has hidden it
        os.write(2, f"{cursor}{line}\n".encode(getattr(sys.stderr, "encoding", "utf-8"), "backslashreplace"))
    except OSError:
        pass  # nobody can be told
