"""Runs Python under strace, and tells what it and its children did, as the operating system saw it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

NETWORK = ("connect", "sendto", "sendmsg", "sendmmsg")
OPENING = ("open", "openat", "openat2", "creat")
MAKING = ("mkdir", "mkdirat", "mknod", "mknodat", "rename", "renameat", "renameat2", "link", "linkat")
LINKING = ("symlink", "symlinkat")
TRACED = ",".join((*OPENING, *MAKING, *LINKING, *NETWORK, "execve"))
LINE = re.compile(r"^(\d+) +(.*)$")
RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
UNFINISHED = " <unfinished ...>"
CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?)(?:<([^>]*)>)?")
PATH = re.compile(r'(?:AT_FDCWD|\d+)<([^>]*)>, "([^"]*)"|"([^"]*)"')  # a folder and a path in it, or a path
# Not files: the terminal and the like, and the names of a process's own threads.
DEVICES = re.compile(r"/dev/(null|tty|urandom|shm/sem\.\w+)|/proc/(self|\d+)/task/\d+/comm")
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")
HERE = re.compile(r"AF_UNIX|AF_NETLINK|127\.0\.0\.1|\"::1\"|<UNIX|<socket:\[\d+\]>, \"")


@dataclass(frozen=True)
class Call:
    """One system call. `opened` is the path that it opened, after all links; it is empty for other calls."""

    name: str
    arguments: str
    failed: bool
    opened: str

    def paths(self, folder: Path) -> Iterator[Path]:
        """The paths in its arguments; relative ones are in `folder` unless the call says where."""
        for within, name, alone in PATH.findall(self.arguments):
            yield Path(os.path.normpath(Path(within or folder) / (name or alone)))


def command(trace: Path) -> list[str]:
    """What to write before a command whose calls strace is to write into the file `trace`."""
    options = ["-f", "-qq", "-y", "-s", "4096", "-e", f"trace={TRACED}", "-e", "signal=none"]
    return ["strace", *options, "-o", str(trace)]


def can_trace(folder: Path) -> bool:
    """Whether there is a strace here that may trace."""
    if shutil.which("strace") is None:
        return False
    tried = [*command(folder / "tried"), sys.executable, "-c", ""]
    return subprocess.run(tried, check=False, capture_output=True).returncode == 0


def environment(place: Path) -> dict[str, str]:
    """This process's environment with the folders `home` and `temporary` of `place` in place of the user's."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "KERAS_", "MPL"))}
    return known | {
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "temporary"),
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def calls(trace: Path) -> Iterator[Call]:
    """The calls in the order in which they ended."""
    begun: dict[str, str] = {}  # by the number of the process, where another one's call came between
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        if (parts := LINE.match(line)) is None:
            continue
        process, text = parts.groups()
        if text.endswith(UNFINISHED):
            begun[process] = text.removesuffix(UNFINISHED)
            continue
        if rest := RESUMED.match(text):
            text = begun.pop(process, "") + rest[1]
        if call := CALL.match(text):
            yield Call(call[1], call[2], call[3].startswith("-"), call[4] or "")


def written(done: Iterable[Call], folder: Path) -> set[Path]:
    """Whatever was made, opened to be written, or given a new name; devices are left out."""
    paths: set[Path] = set()
    for call in done:
        if call.failed or call.name in (*NETWORK, "execve"):
            continue
        if call.name in OPENING:
            if call.name == "creat" or WRITING.search(call.arguments):
                paths |= {Path(call.opened)} if call.opened else set(call.paths(folder))
        elif call.name in LINKING:
            paths.add(list(call.paths(folder))[-1])  # the first is what the link says
        else:
            paths |= set(call.paths(folder))
    return {path for path in paths if not DEVICES.fullmatch(str(path))}


def opened(done: Iterable[Call]) -> set[str]:
    """Whatever was opened, by the path after all links."""
    return {call.opened for call in done if call.name in OPENING and not call.failed}


def executed(done: Iterable[Call]) -> set[str]:
    """The programs that were started."""
    return {call.arguments.partition('"')[2].partition('"')[0] for call in done if call.name == "execve"}


def reached(done: Iterable[Call]) -> list[str]:
    """The calls to other machines: to whatever is neither a socket of this machine's nor the machine itself."""
    return [
        f"{call.name}({call.arguments})" for call in done if call.name in NETWORK and not HERE.search(call.arguments)
    ]
