"""What a signal does to a command: real processes that stand for commands of all kinds."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from process_checks import ends_within

TWO_SECONDS = 2.0
pytestmark = pytest.mark.slow  # half of the tests take the time that a command has to end

BEGIN = """
import ctypes, sys, time
from pathlib import Path
from edgecnn.processes import stopping
from edgecnn.processes.child import Child
from edgecnn.scratch import scratch

def ready():
    print("ready", flush=True)
"""

WAITS = """
def command():
    with scratch(Path()):
        ready()
        time.sleep(100)
"""

SWALLOWS = """
def command():
    with scratch(Path()):
        ready()
        while True:
            try:
                time.sleep(100)
            except KeyboardInterrupt:
                pass
"""

IN_A_LIBRARY = """
def command():
    with scratch(Path()):
        ready()
        end = time.monotonic() + 100
        while time.monotonic() < end:
            left = ctypes.CDLL(None).sleep(100)
"""

NEVER_RETURNS = """
def command():
    with scratch(Path()):
        ready()
        mutex, libc = ctypes.create_string_buffer(128), ctypes.CDLL(None)
        libc.pthread_mutex_lock(mutex)
        libc.pthread_mutex_lock(mutex)
"""

RAISES_ANOTHER = """
def command():
    with scratch(Path()):
        ready()
        try:
            time.sleep(100)
        except KeyboardInterrupt:
            raise ImportError("a library's own words")
"""

IN_A_DESTRUCTOR = """
class Slow:
    def __del__(self):
        ready()
        time.sleep(0.5)

def command():
    slow = Slow()
    del slow
    time.sleep(100)
"""

EXITS = """
def command():
    ready()
    try:
        time.sleep(100)
    finally:
        sys.exit(0)
"""

SLOW_CLEAN_UP = """
def command():
    with scratch(Path()):
        ready()
        try:
            time.sleep(100)
        finally:
            time.sleep(100)
"""

KINDS = {
    "waits": WAITS,
    "swallows": SWALLOWS,
    "library": IN_A_LIBRARY,
    "never": NEVER_RETURNS,
    "other": RAISES_ANOTHER,
    "destructor": IN_A_DESTRUCTOR,
    "exits": EXITS,
    "slow": SLOW_CLEAN_UP,
}


def started(code: str, folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", f"{BEGIN}\n{code}\nstopping.run(command)\nprint('done')"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def stopped(process: subprocess.Popen[str], *signals: int) -> tuple[int, str, str, float]:
    """The exit code, what was printed on both, and the seconds that it took."""
    began = time.monotonic()
    for number in signals:
        process.send_signal(number)
        time.sleep(0.01)
    out, err = rest_of(process)
    return process.returncode, out, err, time.monotonic() - began


def rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What comes on both after the first line; not by `communicate`, which misses what was read with that line."""
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        return process.stdout.read(), process.stderr.read()


@pytest.mark.parametrize(
    ("kind", "number"),
    [*((kind, signal.SIGINT) for kind in KINDS), ("waits", signal.SIGTERM), ("never", signal.SIGHUP)],
)
def test_a_signal_ends_any_command_with_a_line_and_leaves_nothing(
    kind: str, number: signal.Signals, tmp_path: Path
) -> None:
    code, out, err, seconds = stopped(started(KINDS[kind], tmp_path), number)
    assert (code, out, err) == (128 + number, "", "stopped; no file was written\n")
    assert seconds < TWO_SECONDS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["waits", "swallows", "slow"])
def test_more_signals_change_nothing(kind: str, tmp_path: Path) -> None:
    process = started(KINDS[kind], tmp_path)
    code, out, err, seconds = stopped(process, *[signal.SIGTERM, signal.SIGINT, signal.SIGHUP] * 5)
    assert (code, out, err) == (128 + signal.SIGTERM, "", "stopped; no file was written\n")
    assert seconds < TWO_SECONDS + 0.2
    assert list(tmp_path.iterdir()) == []


PARTIAL = """
def command():
    try:
        ready()
        time.sleep(100)
    except KeyboardInterrupt:
        time.sleep({before})
        stopping.allow(60)
        time.sleep({seconds})
        stopping.keep("stopped; half of it is kept")
"""


def test_a_partial_result_has_the_time_that_it_needs(tmp_path: Path) -> None:
    code, _, err, seconds = stopped(started(PARTIAL.format(before=0, seconds=2.5), tmp_path), signal.SIGINT)
    assert (code, err) == (130, "stopped; half of it is kept\n")
    assert seconds > 2.5


@pytest.mark.parametrize("before", [0, 1], ids=["while it is written", "before it is begun"])
def test_but_not_if_the_user_asks_again(before: float, tmp_path: Path) -> None:
    process = started(PARTIAL.format(before=before, seconds=50), tmp_path)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    code, _, err, seconds = stopped(process, signal.SIGINT)
    assert (code, err) == (130, "stopped; no file was written\n")
    assert seconds < TWO_SECONDS


def test_complete_files_are_named(tmp_path: Path) -> None:
    command = """
def command():
    stopping.wrote(Path("a.onnx"))
    stopping.wrote(Path("b.json"))
    ready()
    time.sleep(100)
"""
    code, _, err, _ = stopped(started(command, tmp_path), signal.SIGINT)
    assert (code, err) == (130, "stopped; written before that: a.onnx, b.json\n")


def test_a_command_that_no_signal_stops_ends_as_ever(tmp_path: Path) -> None:
    for body, code, out in (("pass", 0, "done\n"), ("sys.exit(3)", 3, ""), ("raise ZeroDivisionError", 1, "")):
        process = started(f"def command():\n    ready()\n    {body}", tmp_path)
        assert rest_of(process)[0] == out
        assert process.returncode == code


def test_a_signal_that_comes_when_the_work_is_done_changes_nothing(tmp_path: Path) -> None:
    command = "import atexit\natexit.register(lambda: (ready(), time.sleep(1)))\ndef command():\n    sys.exit(3)"
    code, _, err, _ = stopped(started(command, tmp_path), signal.SIGTERM, signal.SIGINT)
    assert (code, err) == (3, "")


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    command = "def command():\n    ready()\n    time.sleep(1)"
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = started(command, tmp_path)
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    code, out, _, _ = stopped(process, signal.SIGHUP)
    assert (code, out) == (0, "done\n")


def test_a_reader_that_has_gone_hides_nothing_but_the_line(tmp_path: Path) -> None:
    process = started(WAITS, tmp_path)
    assert process.stderr is not None
    process.stderr.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    assert list(tmp_path.iterdir()) == []


WITH_A_CHILD = """
class Server:
    def work(self):
        while True:
            pass

def main():
    from edgecnn.processes.entry import serve
    serve(Server())

def command():
    child = Child("working", environment={**__import__("os").environ, "PYTHONPATH": "."})
    child._send({"do": "work"})
    print(child.process.pid, file=sys.stderr, flush=True)
    ready()
    while True:
        try:
            time.sleep(100)
        except KeyboardInterrupt:
            pass
"""


def test_a_child_goes_too(tmp_path: Path) -> None:
    (tmp_path / "working.py").write_text(WITH_A_CHILD)
    process = started(WITH_A_CHILD, tmp_path)
    code, _, err, seconds = stopped(process, signal.SIGINT)
    child, line = err.splitlines()
    assert (code, line) == (130, "stopped; no file was written")
    assert seconds < TWO_SECONDS
    assert ends_within(1.0, int(child))
