"""The service's log: one line of JSON on stderr for each request and event, and never a picture."""

import logging
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from edgecnn.streams import say

LONGEST = 200  # characters of an address or message from outside
TOGETHER = 14  # lines of requests for models, which have at most 290 bytes: a pipe takes 4096 bytes whole
ENCODE = msgspec.json.Encoder().encode


def write(**entries: Any) -> None:
    """A line with the time, in UTC, in front."""
    say(line(time.time(), **entries))


def line(now: float, **entries: Any) -> str:
    """The line for what was at that time, in seconds since 1970."""
    stamp = f"{_second(int(now))}.{int(now * 1000) % 1000:03d}Z"
    return ENCODE({"time": stamp, **entries}).decode()


def write_lines(lines: Sequence[str]) -> None:
    """Several lines, by as few calls of the system as leave them whole where other processes write to the same pipe."""
    for start in range(0, len(lines), TOGETHER):
        say(*lines[start : start + TOGETHER])


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def write_bug(where: str, error: BaseException) -> None:
    """An error that is not the client's keeps its traceback, here and not in the answer."""
    logging.getLogger("edgecnn.serve").error("%s", where, exc_info=error)


def quiet_uvicorn() -> None:
    """uvicorn's own lines are for other logs; a bug in what it calls is kept."""
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
