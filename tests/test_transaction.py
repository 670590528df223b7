"""A folder changes in one step: a kill leaves all of the old files or all of the new ones."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

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


def test_an_earlier_files_mode_and_link_stay(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere.txt"
    fill(folder, OLD)
    (folder / "a.txt").chmod(0o640)
    (folder / "b.txt").unlink()
    elsewhere.write_text("old b")
    (folder / "b.txt").symlink_to(elsewhere)
    change(folder)
    assert (folder / "a.txt").stat().st_mode & 0o777 == 0o640
    assert (folder / "b.txt").is_symlink()
    assert elsewhere.read_text() == "new b"


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
