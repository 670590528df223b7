"""What is written replaces a regular file as a whole, whoever else writes there, and nothing else."""

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgecnn.errors import OutputError
from edgecnn.files import atomic, read_bytes, read_json, require_writable

WRITERS, ROUNDS, SIZE = 8, 25, 200_000


def write(path: Path, content: bytes) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    """As threads they share a process id, as the processes of two containers may."""
    path = tmp_path / "shared.bin"
    mixed: list[bytes] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            content = path.read_bytes() if path.exists() else b""
            if content and (len(content) != SIZE or len(set(content)) != 1):
                mixed.append(content)

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda number: write(path, bytes([number % 256]) * SIZE), range(1, WRITERS * ROUNDS)))
    done.set()
    reader.join()
    assert mixed == []
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_an_earlier_files_mode_stays(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text("earlier")
    path.chmod(mode)
    write(path, b"later")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"later", mode)


def test_a_link_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "a.json", tmp_path / "a.json"
    real.parent.mkdir()
    real.write_text("earlier")
    link.symlink_to(real)
    write(link, b"later")
    assert link.is_symlink()
    assert real.read_bytes() == b"later"
    assert [item.name for item in real.parent.iterdir()] == ["a.json"]


def test_a_device_is_written_to_and_stays_one() -> None:
    before = Path("/dev/null").stat()
    require_writable(Path("/dev/null"))
    write(Path("/dev/null"), b"gone")
    after = Path("/dev/null").stat()
    assert (after.st_mode, after.st_rdev, after.st_ino) == (before.st_mode, before.st_rdev, before.st_ino)


def test_a_pipe_gets_the_content(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        received = pool.submit(pipe.read_bytes)
        write(pipe, b"through")
        assert received.result(timeout=10) == b"through"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("redirected", [True, False])
def test_standard_output_may_be_named_as_a_file(redirected: bool, tmp_path: Path) -> None:
    code = "from pathlib import Path; from edgecnn.files import atomic\n"
    code += "with atomic(Path('/dev/stdout')) as path: path.write_bytes(b'shown')"
    output = tmp_path / "output"
    with output.open("wb") as file:
        done = subprocess.run([sys.executable, "-c", code], stdout=file if redirected else subprocess.PIPE, check=True)
    assert (output.read_bytes() if redirected else done.stdout) == b"shown"


def test_a_folder_in_the_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path, b"content")
    assert tmp_path.is_dir()


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError):  # noqa: PT011 (of any errno)
            read_bytes(path, 10)


def test_a_file_is_read_within_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"12345")
    assert (read_bytes(path, 5), read_json(path, 5)) == (b"12345", 12345)
    with pytest.raises(OSError, match="more than 4"):
        read_bytes(path, 4)


@pytest.mark.parametrize("content", [b"[" * 200_000, b"\xff", b"{"])
def test_what_is_no_json_is_a_value_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_json(path, 1_000_000)


def test_a_link_that_the_user_did_not_name_is_replaced(tmp_path: Path) -> None:
    elsewhere, link = tmp_path / "elsewhere.txt", tmp_path / "link.txt"
    elsewhere.write_text("kept")
    link.symlink_to(elsewhere)
    with atomic(link, follow=False) as path:
        path.write_text("new")
    assert (link.is_symlink(), link.read_text(), elsewhere.read_text()) == (False, "new", "kept")
