"""What tests ask of processes that they did not start themselves."""

import time

import psutil


def ends_within(seconds: float, pid: int) -> bool:
    """Whether a process has ended by then. One that nobody has asked about since counts as ended."""
    until = time.monotonic() + seconds
    while is_running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
