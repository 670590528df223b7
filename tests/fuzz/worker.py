"""The process that gives damaged files to the readers, one after another, and watches what they do.

A crash ends it, and so does an input that takes too much processor time; the process that asked then knows which.
"""

import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from fuzz.readers import READERS, is_visible, mutant, written

from edgecnn.errors import EdgecnnError
from edgecnn.processes.entry import serve
from edgecnn.terminal import message

READ, REFUSED = CLEAN = ("read", "refused")
SECONDS = 10.0  # of processor time for each input
MOST_PEAK = 400_000_000  # bytes that the process may take at any time
MOST_ADDRESSES = 8 * 2**30  # bytes, so that a reader that asks for a terabyte does not get it
LONGEST_LINE = 3000  # characters of an error, as it reaches the terminal
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Python's audit events of what no reader may do: https://docs.python.org/3/library/audit_events.html
FORBIDDEN = (
    *("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "os.fork"),
    *("os.posix_spawn", "os.kill", "pickle.find_class", "os.symlink", "os.link", "ctypes.dlopen"),
)
PATHS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "shutil.rmtree")


class Server:
    """Answers the requests of a campaign. `place` is the one folder that readers may write to."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.folder, self.temporary = place / "files", place / "temporary"
        self.forbidden: list[str] = []
        self.is_reading = False
        self.temporary.mkdir()
        tempfile.tempdir = str(self.temporary)
        sys.addaudithook(self._audit)

    def attempt(self, reader: str, number: int) -> str:
        """READ, REFUSED, or what is wrong with how the reader took the input."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        tree = mutant(reader, number)
        self.forbidden.clear()
        _forget_peak()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # whose signal ends the process
        result = self._read(reader, tree)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if result not in CLEAN:
            return result
        if (peak := _peak()) > MOST_PEAK:
            return f"took {peak:,} bytes of memory"
        return self._left(tree) or result

    def _read(self, reader: str, tree: Any) -> str:
        self.is_reading = True
        try:
            READERS[reader].read(written(reader, self.folder, tree))
        except EdgecnnError as error:
            result = refusal(error)
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)
            at = next((frame for frame in reversed(frames) if "/edgecnn/" in frame.filename), frames[-1])
            result = f"{type(error).__name__} in {Path(at.filename).name}:{at.name}: {str(error)[:300]!r}"
        else:
            result = READ
        finally:
            self.is_reading = False
        return self.forbidden[0] if self.forbidden else result

    def _left(self, tree: Any) -> str:
        """What the reader wrote where it should not have."""
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir()}
        others = [path.name for path in (*self.temporary.iterdir(), *Path.cwd().iterdir())]
        left = sorted(found - set(tree)) + others
        return f"left {', '.join(left)[:300]}" if left else ""

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_reading:
            return
        if event in FORBIDDEN:
            self.forbidden.append(f"did {event} {arguments!r}"[:300])
        elif event in PATHS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
            self._check_path(event, arguments[0])

    def _check_path(self, event: str, path: Any) -> None:
        if isinstance(path, int):
            return
        absolute = Path(os.fsdecode(path))  # a relative one is within an open folder or the working folder
        if absolute.is_absolute() and not absolute.is_relative_to(self.place):
            self.forbidden.append(f"did {event} {path!r}"[:300])


def refusal(error: EdgecnnError) -> str:
    """REFUSED, if the error is one line that can be shown."""
    line = message(str(error))
    is_one = bool(line) and is_visible(line) and len(line) <= LONGEST_LINE
    return REFUSED if is_one else f"its message is not one short line: {line[:300]!r}"


def _forget_peak() -> None:
    """Let Linux measure the peak of the memory anew. Elsewhere there is no such thing, and no peak is checked."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    if sys.platform != "linux":
        return 0
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def main() -> None:
    """Answer requests until stdin ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    serve(Server(Path(sys.argv[1])))
