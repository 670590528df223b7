"""Prepare the emulated processors under build/emulated

One is a Raspberry Pi: Debian bookworm for arm64 with Python 3.11, the aarch64 wheels that edgecnn needs to run, to
quantize and to serve, and qemu, which runs them with the instructions of a Pi 4's CPU (Cortex-A72, without dot product)
or a Pi 5's (Cortex-A76). The other, prepared on an x86-64 machine only, is an x86-64 without VNNI or AVX-512 (Haswell);
it runs this machine's own Python and packages. Both show what a program prints there, not how fast it is. /proc/cpuinfo
is the emulated CPU's; memory, disk and the number of cores are this machine's.

Packages come from the Debian archive that this machine's apt uses. debootstrap needs root, and is installed if it is
missing. Takes about a minute and 500 MB. The result is kept until constraints.txt or the dependencies change.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from benchmarks.devices import debian, installing
from benchmarks.devices.debian import EmulatorError, output
from benchmarks.lib.paths import BUILD, ROOT
from edgecnn.files import atomic
from edgecnn.host.machine import architecture

WORK = BUILD / "emulated"
SYSTEM, WHEELS, QEMU, MARKER = WORK / "system", WORK / "wheels", WORK / "qemu", WORK / "ready.txt"
CPUS = ("cortex-a72", "cortex-a76")
X86_CPU = "haswell"
DEBIAN, PYTHON, GLIBC_MINOR = "bookworm", "3.11", 36
QEMU_DEBIAN = "trixie"  # bookworm's qemu 7.2 shows this machine's /proc/cpuinfo, which onnxruntime cannot read there
EXTRAS = ("quantize", "serve")  # what devices may install
# Whoever starts this file gets the emulated Python, also edgecnn itself for its own processes. qemu passes the
# environment on. In EDGECNN_PACKAGES, an installed edgecnn can be given to run in the place of this source. A folder of
# its own for compiled modules keeps those of the small Debian out of this machine's /usr.
LAUNCHER = """\
#!/bin/sh
work=$(cd "$(dirname "$0")/.." && pwd)
unset LD_LIBRARY_PATH LD_PRELOAD PYTHONHOME PYTHONDONTWRITEBYTECODE
export PYTHONPATH="${EDGECNN_PACKAGES:-${work%/build/emulated}}:PACKAGES"
export PYTHONPYCACHEPREFIX="COMPILED" PYTHONNOUSERSITE=1
exec "$work/qemu/QEMU" -cpu MODEL -0 "$work/CPU/python3" -L "ROOT" "PYTHON" "$@"
"""
WITHOUT = ("avx512", "avx_vnni", "amx")  # prefixes of the names of features that a Haswell lacks


def main(_: Sequence[str]) -> None:
    try:
        print(prepare())
    except EmulatorError as error:
        sys.exit(f"error: {error}")


def prepare() -> Path:
    """Prepare whatever is missing, and return the folder. Raises EmulatorError."""
    if not ready():
        MARKER.unlink(missing_ok=True)
        shutil.rmtree(WHEELS, ignore_errors=True)
        for path, make in ((QEMU, _unpack_qemu), (SYSTEM, _unpack_debian), (WHEELS, _install_wheels)):
            make_whole(path, make)
        for cpu in CPUS:
            system = ("$work/system", "$work/system/usr/bin/python3")
            _write_launcher(cpu, "qemu-aarch64", cpu, *system, packages="$work/wheels", compiled="$work/pycache")
        if architecture() == "x86-64":
            _write_x86()
        with atomic(MARKER) as path:
            path.write_text(_wanted(), encoding="utf-8")
    return WORK


def ready() -> bool:
    """Whether everything is prepared, with the packages that the project needs now."""
    return MARKER.exists() and _concerning(MARKER.read_text(encoding="utf-8")) == _concerning(_wanted())


def python(cpu: str) -> Path:
    """The python3 program of an emulated processor, with edgecnn and its dependencies. It sees this machine's files."""
    return WORK / cpu / "python3"


def run(
    arguments: Sequence[str | Path],
    cpu: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `edgecnn ARGUMENTS` as on a machine with that CPU. Any exit code is returned, not raised."""
    command = [python(cpu), "-m", "edgecnn", *arguments]
    variables = {**os.environ, **(environment or {})}
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=variables, cwd=cwd, check=False
    )


def install_project(folder: Path) -> dict[str, str]:
    """Build this project's wheel and install it into a folder. Returns the environment with which it runs.

    Its dependencies are those that are prepared. Raises InstallError.
    """
    wheel = installing.build_wheel(folder / "build")
    installing.install_for(
        Path(sys.executable), "aarch64", folder / "packages", "--no-deps", "--no-compile", str(wheel)
    )
    return {"EDGECNN_PACKAGES": str(folder / "packages")}


def versions() -> dict[str, str]:
    """The versions of the emulation: qemu's number and Debian's name."""
    return {"qemu": output(str(QEMU / "qemu-aarch64"), "--version").split()[2], "debian": DEBIAN}


def _wanted() -> str:
    """The text that decides which wheels are installed: dependencies and constraints."""
    return "\n".join([*_requirements(), (ROOT / "constraints.txt").read_text(encoding="utf-8")])


def _concerning(wanted: str) -> list[str]:
    """The lines that affect the emulator: without pins of packages that are not installed there, such as for tests."""
    installed = {canonicalize_name(path.name.split("-")[0]) for path in WHEELS.glob("*.dist-info")}
    lines = (line for line in wanted.splitlines() if line and not line.startswith("#"))
    return sorted(line for line in lines if "==" not in line or canonicalize_name(line.split("==")[0]) in installed)


def _requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(need for extra in EXTRAS for need in optional[extra])]


def make_whole(path: Path, make: Callable[[Path, Path], None]) -> None:
    """Make `path` in a scratch folder and move it, so that an interrupted run leaves nothing that looks complete."""
    if path.exists():
        return
    print(f"preparing {path.relative_to(ROOT)}", file=sys.stderr, flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as scratch:
        unfinished = Path(scratch) / path.name
        make(unfinished, Path(scratch))
        unfinished.rename(path)


def _unpack_qemu(path: Path, scratch: Path) -> None:
    """Unpack two static programs from Debian's package."""
    unpacked = debian.unpack_packages(QEMU_DEBIAN, ("qemu-user",), scratch)
    path.mkdir()
    for program in ("qemu-aarch64", "qemu-x86_64"):
        (unpacked / "usr/bin" / program).rename(path / program)


def _unpack_debian(path: Path, _: Path) -> None:
    """Unpack a small Debian. Its packages are not configured, which Python does not need."""
    _require_debootstrap()
    chosen = ["--arch=arm64", "--variant=minbase", "--include=python3"]
    output("debootstrap", "--foreign", *chosen, DEBIAN, str(path), debian.archive())
    archives = path / "var/cache/apt/archives"
    for package in sorted(archives.glob("*.deb")):
        output("dpkg", "-x", str(package), str(path))
    shutil.rmtree(archives)


def _require_debootstrap() -> None:
    if os.geteuid() != 0:
        raise EmulatorError("debootstrap needs root: run this program with sudo, or in a container")
    if shutil.which("debootstrap") is None:
        output("apt-get", "update")
        output("apt-get", "install", "-y", "--no-install-recommends", "debootstrap")


def _install_wheels(path: Path, _: Path) -> None:
    install_wheels(path, *_requirements())


def install_wheels(path: Path, *requirements: str) -> None:
    """Install what the emulated Debian's Python runs, in the versions of constraints.txt, into a folder."""
    tags = installing.platforms("aarch64", range(17, GLIBC_MINOR + 1))
    platforms = [f"--platform={tag}" for tag in tags]
    python = ["--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp"]
    pinned = ["-c", str(ROOT / "constraints.txt"), *requirements]
    quick = ["--quiet", "--no-compile"]  # what this machine's Python compiles is not looked for there
    output(sys.executable, "-m", "pip", "install", *quick, f"--target={path}", *platforms, *python, *pinned)


def _write_x86() -> None:
    """This machine's Python on a processor without VNNI. A copy of /proc/cpuinfo hides the real CPU's features.

    It shares this machine's compiled modules: to compile them takes longer there than what is done with them.
    """
    told = WORK / X86_CPU / "root/proc/cpuinfo"
    told.parent.mkdir(parents=True, exist_ok=True)
    words = Path("/proc/cpuinfo").read_text(encoding="utf-8").split(" ")
    told.write_text(" ".join(word for word in words if not word.startswith(WITHOUT)), encoding="utf-8")
    packages, interpreter = sysconfig.get_path("purelib"), str(Path(sys.executable).resolve())
    system = (f"$work/{X86_CPU}/root", interpreter)
    _write_launcher(X86_CPU, "qemu-x86_64", "Haswell-noTSX", *system, packages=packages, compiled="")


def _write_launcher(
    cpu: str, qemu: str, model: str, root: str, interpreter: str, *, packages: str, compiled: str
) -> None:
    """`compiled` is the folder for compiled modules; empty: they lie beside their sources, as usual."""
    words = {"PACKAGES": packages, "COMPILED": compiled, "QEMU": qemu, "MODEL": model, "CPU": cpu, "ROOT": root}
    words["PYTHON"] = interpreter
    text = re.sub(rf"\b({'|'.join(words)})\b", lambda found: words[found[0]], LAUNCHER)
    with atomic(python(cpu)) as path:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
