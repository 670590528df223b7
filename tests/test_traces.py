"""What commands write and whom they call, as the operating system sees it: nothing but what they were asked to."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.folder import ModelFolder

ROOT = Path(__file__).parent.parent
CHANGES = (
    "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
)
CALLS = "connect,sendto,sendmsg,sendmmsg"
CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+|\?)")
PATH = re.compile(r'(?:AT_FDCWD|\d+)<([^>]*)>, "([^"]*)"|"([^"]*)"')  # a folder and a path in it, or a path
# Not files: the terminal and the like, and the names of a process's own threads.
DEVICES = re.compile(r"/dev/(null|tty|urandom|shm/sem\.\w+)|/proc/(self|\d+)/task/\d+/comm")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with an empty home, an empty folder for temporary files and one to work in."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace here: apt-get install strace")
    for name in ("home", "temporary", "work"):
        (tmp_path / name).mkdir()
    if traced(tmp_path, "-c", "").returncode != 0:
        pytest.skip("strace may not trace here: it needs the right to trace its own processes")
    return tmp_path


def traced(place: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run Python in the folder `work` with strace, which writes what it and its children do into `trace`."""
    command = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", f"trace={CHANGES},{CALLS}", "-o", str(place / "trace")]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "KERAS_", "MPL"))}
    environment = {
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "temporary"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [*command, sys.executable, *map(str, arguments)],
        cwd=place / "work",
        env=known | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def lines(place: Path) -> Iterator[tuple[str, str]]:
    """The system calls that succeeded, and those that try to reach another machine whether they did or not."""
    for line in (place / "trace").read_text(encoding="utf-8", errors="replace").splitlines():
        found = CALL.match(line)
        if found and (found[3] != "-1" or found[1] in CALLS.split(",")):
            yield found[1], found[2]


def written(place: Path) -> set[Path]:
    """Whatever was made, opened to be written, or given a new name."""
    paths = set()
    for call, arguments in lines(place):
        if call in CALLS.split(",") or (
            call.startswith("open") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", arguments)
        ):
            continue
        for folder, name, alone in PATH.findall(arguments):
            paths.add(Path(os.path.normpath(Path(folder or place / "work") / (name or alone))))
    return paths


def reached(place: Path) -> list[str]:
    """The calls to other machines: to whatever is neither a socket of this machine's nor the machine itself."""
    here = re.compile(r"AF_UNIX|AF_NETLINK|127\.0\.0\.1|\"::1\"|<UNIX|<socket:\[\d+\]>, \"")
    return [
        f"{call}({arguments})"
        for call, arguments in lines(place)
        if call in CALLS.split(",") and not here.search(arguments)
    ]


def run(place: Path, *arguments: str | Path) -> None:
    done = traced(place, "-m", "edgecnn", *arguments)
    assert done.returncode == 0, done.stderr
    assert reached(place) == []
    allowed = [place / "work", place / "temporary", place / "home" / ".cache"]
    outside = {path for path in written(place) if not any(path.is_relative_to(folder) for folder in allowed)}
    assert {path for path in outside if not DEVICES.fullmatch(str(path))} == set()
    assert any(path.is_relative_to(place) for path in written(place)), "nothing was traced"
    assert list((place / "temporary").iterdir()) == []
    left = [path for path in (place / "home").rglob("*") if not path.is_relative_to(place / "home" / ".cache")]
    assert left == []


def test_predict_writes_nothing_and_calls_nobody(place: Path, tiny: Path, mnist: Dataset) -> None:
    Image.fromarray(mnist.test.images[0]).save(place / "work" / "seven.png")
    run(place, "predict", "seven.png", "--model", tiny)
    assert not (place / "home" / ".cache").exists()


@pytest.mark.slow
def test_a_bench_writes_its_report_and_calls_nobody(place: Path, tiny: Path) -> None:
    shutil.copy(tiny, place / "work" / "tiny.onnx")
    runtimes = ("--runtime", "onnxruntime", "--runtime", "openvino")
    run(place, "bench", "tiny.onnx", *runtimes, "--duration", "0.1", "--json", "bench.json", "--data", "mnist")
    assert sorted(path.name for path in (place / "work").iterdir()) == ["bench.json", "tiny.onnx"]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_an_export_writes_its_folder_and_calls_nobody(place: Path, exported: ModelFolder) -> None:
    run(place, "export", exported.keras, "--out", "new")
    assert (place / "work" / "new" / "model.onnx").exists()
    assert [path.name for path in (place / "work").iterdir()] == ["new"]
