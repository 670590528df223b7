"""Lets a process die with its parent, whatever its parent dies of."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1  # of linux/prctl.h: the signal that this process gets when the thread that started it ends
POLLING_SECONDS = 0.5


def die_with(parent: int) -> None:
    """Kill this process when the process of that id ends. Does not return if it has ended already."""
    if not _told_by_the_kernel():
        threading.Thread(target=_poll, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _told_by_the_kernel() -> bool:
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0)
    except (OSError, AttributeError):  # a C library without it
        return False


def _poll(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLLING_SECONDS)
    os._exit(1)
