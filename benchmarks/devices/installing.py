"""Installs the wheel of this project, as users do: into an empty environment, or into a folder for another machine."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lib.paths import ROOT

PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
PYTHONS = ("3.11", "3.12", "3.13")
GLIBC_MINORS = range(17, 37)  # manylinux's first to Debian 12's
SUFFIXES = {".so", ".dylib"}
# As a command that was started alone: the most memory that it had is the last line on stderr.
MEASURED = """\
import atexit, sys
from edgecnn.__main__ import main
from edgecnn.host.machine import peak_rss
atexit.register(lambda: print(peak_rss(), file=sys.stderr))
sys.argv[0] = "edgecnn"
main()
"""


class InstallError(Exception):
    """A step failed. The message says which, and the last line of what it said."""


def interpreter(version: str) -> Path | None:
    """The Python of that version, such as "3.12": the one that runs this, one on PATH, or one of pyenv's."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return Path(getattr(sys, "_base_executable", sys.executable))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    on_path = shutil.which(f"python{version}")
    return next((path for path in [*found, *map(Path, filter(None, [on_path]))] if _runs(path)), None)


def _runs(python: Path) -> bool:
    """pyenv has a command for each version that it knows, also where it is not chosen."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def build_wheel(folder: Path) -> Path:
    """The wheel that `make wheel` builds of a copy of the project, in `folder`. Raises InstallError."""
    source, out = folder / "source", folder / "dist"
    for name in _run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")[
        :-1
    ]:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    environment = Path(sys.executable).parents[1]
    here = (f"VENV={environment}", f"DIST={out}")
    _run("make", "--directory", source, "--assume-old", environment / ".ready", *here, "wheel")
    return next(out.glob("*.whl"))


def make_environment(python: Path, folder: Path) -> Path:
    """The Python of a new virtual environment without a single package."""
    _run(python, "-m", "venv", "--without-pip", folder)
    return folder / "bin" / "python"


def install(environment: Path, *requirements: str, constraints: Path | None = None) -> None:
    """Install into a virtual environment, whose Python this is. Raises InstallError."""
    limits = () if constraints is None else ("-c", str(constraints))
    _run(sys.executable, *PIP, "--python", environment, "install", *limits, *requirements)


def install_for(python: Path, machine: str, folder: Path, *requirements: str) -> None:
    """Install into a folder what pip installs on another Linux machine with this Python. Raises InstallError."""
    chosen = ("--only-binary=:all:", f"--target={folder}", *(f"--platform={tag}" for tag in platforms(machine)))
    _run(python, *PIP, "install", *chosen, *requirements)


def platforms(machine: str, minors: Sequence[int] = GLIBC_MINORS) -> list[str]:
    """The names under which wheels for a Linux machine with glibc are published."""
    return [f"manylinux2014_{machine}", *(f"manylinux_2_{minor}_{machine}" for minor in minors)]


def sizes(folder: Path) -> tuple[int, int]:
    """The bytes of the files in a folder: without the bytecode that pip makes of Python files, and with it."""
    files = [(path.suffix, path.stat().st_size) for path in folder.rglob("*") if path.is_file()]
    return sum(size for suffix, size in files if suffix != ".pyc"), sum(size for _, size in files)


def peak_memory(environment: Path, *arguments: str | Path) -> int:
    """The most memory, in bytes, that `edgecnn ARGUMENTS` takes at a time. Raises InstallError.

    Libraries that were written a moment ago are in memory in larger pieces than after a start of the machine, and count
    for more; so they are dropped from memory first.
    """
    forget(environment.parents[1])
    done = subprocess.run(
        [environment, "-c", MEASURED, *arguments], capture_output=True, text=True, check=False, cwd=environment.parent
    )
    if done.returncode:
        raise InstallError(f"edgecnn {arguments[0]} failed: {done.stderr.strip()[-300:]}")
    return int(done.stderr.split()[-1])


def forget(folder: Path) -> None:
    """Have the system drop the libraries in a folder from memory; they are read again when they are needed."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if SUFFIXES & set(path.suffixes) and path.is_file():
            _drop(path)


def _drop(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def lowest(extras: Sequence[str] = ()) -> str:
    """The lowest versions that pyproject.toml allows, as the text of a constraints file for pip."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = (need for extra in extras for need in project["optional-dependencies"][extra])
    needs = (need.split(",")[0] for need in [*project["dependencies"], *optional])
    return "".join(f"{need.replace('>=', '==')}\n" for need in needs if ">=" in need)


def _run(*command: str | Path) -> str:
    """Raises InstallError if it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise InstallError(f"{' '.join(map(str, command[:4]))} failed: {''.join(words) or done.returncode}")
    return done.stdout
