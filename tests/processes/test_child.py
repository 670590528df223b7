"""Real child processes: what they answer, how each way of ending is told, and that they die with their parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from process_checks import ends_within

from edgecnn.errors import ExportError, MissingDependencyError
from edgecnn.processes import parent
from edgecnn.processes.child import Child, ChildEndedError, ChildLateError

LIMIT = 30.0  # seconds: far more than anything here takes

SERVER = """
import os, sys, time
from edgecnn.errors import ExportError, MissingDependencyError
from edgecnn.processes.entry import serve

OUT = os.dup(1)  # where the answers go, before `serve` takes what is printed away

class Server:
    def add(self, a, b):
        print("a library says something", flush=True)
        return a + b

    def place(self):
        return [os.getcwd(), os.environ.get("PLACE"), sys.argv[1:]]

    def refuse(self):
        raise ExportError("it is too large")

    def lack(self):
        raise MissingDependencyError("tvm", "peers", "flying")

    def half(self):
        os.write(OUT, b'{"answer": [1, 2')
        os._exit(3)

    def half_and_sleep(self):
        os.write(OUT, b'{"answer": [1, 2')
        time.sleep(1000)

    def sleep(self):
        time.sleep(1000)

    def work(self):
        while True:
            pass

def main():
    serve(Server())
"""

Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a child that ends with the test."""
    (tmp_path / "server.py").write_text(SERVER)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PLACE": "here"}
    started: list[Child] = []

    def one(*arguments: str, folder: Path | None = None) -> Child:
        started.append(Child("server", *arguments, folder=folder, environment=environment))
        return started[-1]

    yield one
    for child in started:
        child.close()


def test_a_command_is_answered_and_what_a_library_prints_is_not_an_answer(start: Start) -> None:
    child = start()
    assert child.ask("add", LIMIT, a=1, b=2) == 3
    assert child.ask("add", LIMIT, a="x", b="y") == "xy"


def test_a_child_has_its_folder_environment_and_arguments(start: Start, tmp_path: Path) -> None:
    assert start("one", "two", folder=tmp_path).ask("place", LIMIT) == [str(tmp_path), "here", ["one", "two"]]


def test_an_error_is_raised_here_and_ends_nothing(start: Start) -> None:
    child = start()
    with pytest.raises(ExportError, match=r"^it is too large$"):
        child.ask("refuse", LIMIT)
    with pytest.raises(MissingDependencyError, match=r"^flying needs tvm"):
        child.ask("lack", LIMIT)
    assert child.ask("add", LIMIT, a=1, b=2) == 3


def test_a_bug_ends_the_child_and_its_last_line_is_told(start: Start) -> None:
    child = start()
    for _ in range(2):
        with pytest.raises(ChildEndedError, match=r"^AttributeError: 'Server' object has no attribute 'dance'$"):
            child.ask("dance", LIMIT)


def test_half_an_answer_is_none(start: Start) -> None:
    with pytest.raises(ChildEndedError, match="exit code 3"):
        start().ask("half", LIMIT)
    with pytest.raises(ChildLateError):
        start().ask("half_and_sleep", 1.0)


def test_a_child_that_is_late_is_killed(start: Start) -> None:
    child = start()
    with pytest.raises(ChildLateError):
        child.ask("sleep", 0.2)
    assert child.process.returncode == -signal.SIGKILL


def test_closing_leaves_no_process(start: Start) -> None:
    with start() as child:
        assert child.ask("add", LIMIT, a=1, b=2) == 3
    assert not psutil.pid_exists(child.process.pid)
    assert child.log.closed


PARENT = """
import os, signal, sys, time
from edgecnn.processes import parent
from edgecnn.processes.child import Child
child = Child("server")
{wait}
child._send({{"do": {command!r}}})
print(child.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("wait", ["", "child.ask('add', 30, a=1, b=2)"])
@pytest.mark.parametrize("command", ["sleep", "work"])
def test_a_child_dies_with_a_parent_that_is_killed(wait: str, command: str, start: Start, tmp_path: Path) -> None:
    """Also one that has not started yet, or is busy."""
    start()
    code = PARENT.format(wait=wait, command=command)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False, env=environment)
    assert done.returncode == -signal.SIGKILL
    assert ends_within(2.0, int(done.stdout))


def test_where_the_kernel_does_not_tell_the_child_looks_for_itself(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from edgecnn.processes import parent; parent._told_by_the_kernel = lambda: False; "
        "parent.die_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(1000)"
    )
    outer = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {code!r}]); time.sleep(1000)"
    with subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        assert ends_within(2.0, child)


def test_a_child_whose_parent_has_gone_already_ends_at_once() -> None:
    code = "from edgecnn.processes.parent import die_with; die_with(1 << 30); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert parent.POLLING_SECONDS < 2
