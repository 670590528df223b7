"""A folder changes in one step: a kill leaves all of the old files or all of the new ones."""

import errno
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from edgecnn import files
from edgecnn import transaction as transactions
from edgecnn.errors import OutputError
from edgecnn.scratch import PREFIX, scratch
from edgecnn.transaction import COMMITTED, roll_forward, transaction

OLD = {"a.txt": "old a", "b.txt": "old b", "gone.txt": "old"}
NEW = {"a.txt": "new a", "b.txt": "new b", "saved/c.txt": "new c"}


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def change(folder: Path) -> None:
    with transaction(folder) as staged:
        fill(staged.path, NEW)
        staged.remove(folder / "gone.txt")


def test_all_files_change_in_one_step(tmp_path: Path) -> None:
    fill(tmp_path, OLD | {"saved/stale.txt": "old", "mine.txt": "kept"})
    change(tmp_path)
    assert contents(tmp_path) == NEW | {"mine.txt": "kept"}
    assert {item.name for item in tmp_path.iterdir()} == {"a.txt", "b.txt", "saved", "mine.txt"}


def test_nothing_changes_if_the_body_raises(tmp_path: Path) -> None:
    fill(tmp_path, OLD)

    def fail() -> None:
        with transaction(tmp_path) as staged:
            fill(staged.path, NEW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert contents(tmp_path) == OLD


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


@pytest.mark.parametrize("steps", range(1, 12))  # step 0 looks for an earlier change, before this one is committed
def test_a_kill_between_any_two_steps_of_the_move_is_repaired(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, OLD)
    left = iter(range(steps))

    def counted(name: str) -> None:
        real = getattr(Path, name)

        def step(self: Path, *args: object, **options: object) -> object:
            if COMMITTED in str(self) and next(left, None) is None:
                raise Killed
            return real(self, *args, **options)

        monkeypatch.setattr(Path, name, step)

    for name in ("iterdir", "replace", "is_dir"):
        counted(name)
    try:
        change(tmp_path)
    except Killed:
        monkeypatch.undo()
        roll_forward(tmp_path)
    assert contents(tmp_path) == NEW
    assert not (tmp_path / COMMITTED).exists()


def test_an_earlier_files_mode_stays(tmp_path: Path) -> None:
    fill(tmp_path, OLD)
    (tmp_path / "a.txt").chmod(0o640)
    change(tmp_path)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    """A model folder from elsewhere may hold a link to any file of the user's."""
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere.txt"
    fill(folder, OLD)
    elsewhere.write_text("kept")
    elsewhere.chmod(0o666)
    (folder / "b.txt").unlink()
    (folder / "b.txt").symlink_to(elsewhere)
    change(folder)
    assert contents(folder) == NEW
    assert not (folder / "b.txt").is_symlink()
    assert (folder / "b.txt").stat().st_mode & 0o022 == 0
    assert elsewhere.read_text() == "kept"


def test_a_committed_folder_from_elsewhere_reaches_no_other_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    fill(tmp_path, {"outside.txt": "kept", "folder/inside.txt": "kept"})
    fill(folder / COMMITTED, {f"{transactions.REMOVED}/outside.txt": "", "link.txt": ""})
    (folder / COMMITTED / "link.txt").unlink()
    (folder / COMMITTED / "link.txt").symlink_to(tmp_path / "outside.txt")
    roll_forward(folder)
    assert (tmp_path / "outside.txt").read_text() == "kept"
    assert (folder / "inside.txt").read_text() == "kept"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"), transaction(tmp_path / "file"):
        pass


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    code = "import os, sys; from pathlib import Path; from edgecnn.scratch import scratch\n"
    code += "with scratch(Path(sys.argv[1])) as folder: (folder / 'x').write_text('left'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    left = list(tmp_path.iterdir())
    assert [item.name.startswith(PREFIX) for item in left] == [True]
    with scratch(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
        with scratch(tmp_path):  # a live one stays
            assert folder.exists()


def test_a_link_named_like_a_scratch_folder_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    fill(precious, OLD)
    (tmp_path / f"{PREFIX}0").symlink_to(precious)
    with scratch(tmp_path):
        pass
    assert contents(precious) == OLD


def test_no_open_file_stays(tmp_path: Path) -> None:
    this = psutil.Process()
    before = this.num_fds()
    for _ in range(5):
        with scratch(tmp_path):
            pass
    assert this.num_fds() == before


def test_a_link_in_the_place_of_a_committed_folder_is_not_followed(tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious", tmp_path / "folder"
    fill(precious, OLD)
    folder.mkdir()
    (folder / COMMITTED).symlink_to(precious)
    roll_forward(folder)
    assert contents(precious) == OLD
    assert [item.name for item in folder.iterdir()] == [COMMITTED]


def test_a_change_from_elsewhere_writes_through_no_link_and_changes_no_mode_outside(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.txt", tmp_path / "folder"
    outside.write_text("kept")
    outside.chmod(0o600)
    fill(folder, {"b.txt": "old b", f"{COMMITTED}/a.txt": "planted"})
    (folder / "b.txt").chmod(0o666)
    (folder / "a.txt").symlink_to(outside)
    (folder / COMMITTED / "b.txt").symlink_to(outside)
    roll_forward(folder)
    assert (outside.read_text(), outside.stat().st_mode & 0o777) == ("kept", 0o600)
    assert (folder / "a.txt").read_text() == "planted"
    assert not (folder / "b.txt").is_symlink()


def test_a_folder_where_a_file_should_go_is_an_error_before_anything_changes(tmp_path: Path) -> None:
    fill(tmp_path, {"b.txt": "old b", "a.txt/inside.txt": "kept"})
    with pytest.raises(OutputError, match=r"a\.txt is a folder"):
        change(tmp_path)
    assert contents(tmp_path) == {"b.txt": "old b", "a.txt/inside.txt": "kept"}
    assert not (tmp_path / COMMITTED).exists()


def test_a_file_makes_way_for_a_folder_and_a_folder_can_be_removed(tmp_path: Path) -> None:
    fill(tmp_path, {"saved": "a file", "gone.txt/inside.txt": "old"})
    change(tmp_path)
    assert contents(tmp_path) == NEW


def test_a_folder_that_was_made_goes_again_if_the_body_raises(tmp_path: Path) -> None:
    def fail() -> None:
        with transaction(tmp_path / "models" / "edge"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_refuses_is_not_taken_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="Read-only file system"):
        change(tmp_path)


def test_an_interrupt_after_the_commit_leaves_the_new_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, OLD)
    real = files.sync

    def interrupt(path: Path) -> None:
        if (tmp_path / COMMITTED).exists():
            raise KeyboardInterrupt
        real(path)

    monkeypatch.setattr(files, "sync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        change(tmp_path)
    assert contents(tmp_path) == NEW


def test_a_reader_that_cannot_finish_a_change_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, OLD | {f"{COMMITTED}/a.txt": "new a"})

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(
        OutputError, match=r"interrupted and cannot be finished here \(Read-only.*\): run 'edgecnn info"
    ):
        roll_forward(tmp_path)


def test_a_change_that_is_nearly_done_does_not_take_that_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two steps, another process may try to commit: what it has written must not be deleted."""
    other = tmp_path / "folder" / ".other"
    fill(other, {"b.txt": "of the other"})
    real = Path.replace

    def replace(new: Path, old: Path) -> Path:
        replaced = real(new, old)
        with suppress(OSError):
            other.rename(old.parent / COMMITTED)
        return replaced

    monkeypatch.setattr(Path, "replace", replace)
    with transaction(tmp_path / "folder") as change:
        (change.path / "a.txt").write_text("a")
    roll_forward(tmp_path / "folder")
    assert "of the other" in contents(tmp_path / "folder").values()


def test_a_file_may_be_written_atomically_among_the_new_ones(tmp_path: Path) -> None:
    """Which sweeps the scratch folders there: what the change needs is none of them."""
    with transaction(tmp_path) as change, files.atomic(change.path / "a.txt") as path:
        path.write_text("a")
    fill(tmp_path, {"gone.txt": ""})
    with transaction(tmp_path) as change:
        change.remove(tmp_path / "gone.txt")
        with files.atomic(change.path / "b.txt") as path:
            path.write_text("b")
    assert contents(tmp_path) == {"a.txt": "a", "b.txt": "b"}


def test_processes_that_commit_and_finish_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """Each change brings two files and a folder of one content; readers finish what they find."""
    code = "import sys; from pathlib import Path; from edgecnn.transaction import roll_forward, transaction\n"
    code += "folder, name = Path(sys.argv[1]), sys.argv[2]\n"
    code += "for number in range(12):\n"
    code += "    roll_forward(folder)\n"
    code += "    if name == 'reader': continue\n"
    code += "    with transaction(folder) as change:\n"
    code += "        (change.path / 'saved').mkdir()\n"
    code += (
        "        for file in ('a.txt', 'b.txt', 'saved/c.txt'): (change.path / file).write_text(f'{name} {number}')\n"
    )
    names = ("one", "two", "three", "reader", "reader")
    running = [subprocess.Popen([sys.executable, "-c", code, tmp_path, name]) for name in names]
    assert [process.wait(60) for process in running] == [0] * len(names)
    found = contents(tmp_path)
    assert set(found) == {"a.txt", "b.txt", "saved/c.txt"}
    assert len(set(found.values())) == 1


# The temporary folder


def use(error: Exception | None = None) -> None:
    with scratch() as folder:
        (folder / "x").write_bytes(b"x")
        if error:
            raise error


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EFBIG, "File too large")]
)
def test_a_full_temporary_folder_is_named_with_the_cure(error: OSError) -> None:
    with pytest.raises(OutputError, match=rf"temporary folder .*: {error.strerror}; free .* or set TMPDIR"):
        use(error)


def test_a_librarys_error_on_a_full_disk_is_the_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> int:
        if path.name == "probe":
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OutputError, match="No space left on device"):
        use(RuntimeError("protobuf: serialization failed"))


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), OutputError("told"), OSError(errno.ENOSPC, "full", "/elsewhere"), KeyError("x")]
)
def test_another_error_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        use(error)
    assert caught.value is error


def test_a_temporary_folder_that_cannot_be_used_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError, match=r"temporary folder .*gone: No such file or directory; .* set TMPDIR"):
        use()
