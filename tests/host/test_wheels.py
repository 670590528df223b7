"""Which packages have wheels where, what to do where one has none, and which onnxruntime stops on a Raspberry Pi 4."""

import subprocess
import sys
from dataclasses import replace

import pytest
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from test_machine import HOST

from benchmarks.devices import wheels as program
from benchmarks.lib import paths
from edgecnn import doctor
from edgecnn.host import wheels
from edgecnn.host.wheels import Place, lacking, named, remedy

PI = Place("linux aarch64", "3.13", "2.41")
NOTHING: dict[str, str] = {}
BASE = ("msgspec", "numpy", "onnxruntime", "packaging", "pillow", "psutil", "rich", "typer")


def test_a_raspberry_pi_has_a_wheel_of_everything() -> None:
    for python in ("3.11", "3.12", "3.13"):
        assert lacking(wheels.read_table()["wheels"], replace(PI, python=python)) == []


def test_the_table_has_all_that_pyproject_names() -> None:
    """Else a new dependency would be thought to have wheels everywhere."""
    assert set(wheels.read_table()["wheels"]) == set(program.requirements())
    assert set(BASE) <= set(program.requirements())


@pytest.mark.parametrize(
    ("place", "names", "missing", "advice"),
    [
        (Place("linux armv7l", "3.13", "2.41"), ("rich", "onnxruntime"), ["onnxruntime"], "64-bit"),
        (Place("musl aarch64", "3.12", ""), ("numpy", "onnxruntime"), ["onnxruntime"], "glibc, such as Debian"),
        (Place("linux aarch64", "3.12", "2.24"), ("msgspec", "onnxruntime"), ["onnxruntime"], "glibc 2.28 is needed"),
        (Place("linux aarch64", "3.14", "2.41"), ("onnxruntime", "tensorflow"), ["tensorflow"], "Python 3.13"),
        (Place("linux aarch64", "3.9", "2.31"), ("numpy",), ["numpy"], "Python 3.14"),
        (Place("macos x86_64", "3.12", ""), ("onnxruntime",), ["onnxruntime"], "another machine"),
        (Place("linux riscv64", "3.13", "2.41"), ("numpy", "rich"), ["numpy", "rich"], "another machine"),
    ],
)
def test_what_has_no_wheel_is_told_with_a_way_out(
    place: Place, names: tuple[str, ...], missing: list[str], advice: str
) -> None:
    assert lacking(names, place) == missing
    assert advice in remedy(missing, place)


@pytest.mark.parametrize(
    ("system", "machine", "bits", "is_musl", "name"),
    [
        ("linux", "aarch64", 64, False, "linux aarch64"),
        ("linux", "aarch64", 32, False, "linux armv7l"),  # Raspberry Pi OS (32-bit), with its 64-bit kernel
        ("linux", "x86_64", 64, True, "musl x86_64"),
        ("darwin", "arm64", 64, False, "macos arm64"),
        ("win32", "AMD64", 64, False, "win32 x86_64"),
    ],
)
def test_a_machine_is_named_by_the_python_that_runs(
    system: str, machine: str, bits: int, is_musl: bool, name: str
) -> None:
    assert named(system, machine, bits, is_musl=is_musl) == name


def test_doctor_does_not_advise_what_pip_cannot_do() -> None:
    needs = ("onnxruntime>=1.31", "tensorflow>=2.18; extra == 'train'", "onnx>=1.21; extra == 'quantize'")
    base, quantize, train = doctor.check_packages(needs, {"onnxruntime": "1.32.0"}.get, replace(PI, python="3.14"))
    assert (base.status, quantize.remedy) == ("ok", "pip install --upgrade 'edgecnn[quantize]'")
    assert "no wheel of tensorflow for linux aarch64, Python 3.14, glibc 2.41" in train.found
    assert train.remedy == "make the virtual environment with Python 3.13: python3.13 -m venv .venv"
    (narrow, *_) = doctor.check_packages(needs, NOTHING.get, Place("linux armv7l", "3.13", "2.41"))
    assert (narrow.status, narrow.remedy) == ("problem", wheels.USE_64_BIT)


@pytest.mark.parametrize(
    ("version", "machine", "sets", "status"),
    [
        ("1.21.0", "aarch64", ("NEON",), "problem"),
        ("1.21.0", "aarch64", ("NEON", "dotprod"), "ok"),
        ("1.21.0", "x86_64", ("AVX2",), "ok"),
        ("1.21.1", "aarch64", ("NEON",), "ok"),
        (None, "aarch64", ("NEON",), "ok"),
    ],
)
def test_an_onnxruntime_that_stops_on_a_pi_4_is_named(
    version: str | None, machine: str, sets: tuple[str, ...], status: str
) -> None:
    host = replace(HOST, machine=machine, instruction_sets=sets)
    assert doctor.check_processor(host, version).status == status


def test_wheels_are_asked_where_no_package_is_installed() -> None:
    code = "from edgecnn.host import wheels; print(wheels.lacking(['onnxruntime'], wheels.this_place()))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=paths.ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_oldest_glibc_is_that_of_the_allowed_wheel_which_needs_least() -> None:
    names = ("manylinux_2_28_aarch64", "manylinux2014_aarch64.manylinux_2_17_aarch64", "musllinux_1_2_aarch64")
    found = [parse_wheel_filename(f"onnx-1.21.0-cp312-cp312-{name}.whl")[3] for name in names]
    platforms = program.machines()["linux aarch64"]
    assert program.oldest_glibc(found, "3.12", platforms) == "2.17"
    assert program.oldest_glibc(found[:1], "3.12", platforms) == "2.28"
    assert program.oldest_glibc(found, "3.13", platforms) is None
    assert program.oldest_glibc(found, "3.12", program.machines()["musl aarch64"]) == ""
    old = ["onnx-1.17.0-cp312-cp312-manylinux_2_28_aarch64.whl", "onnx-1.21.0.tar.gz"]
    assert list(program._parsed(Requirement("onnx>=1.21"), old)) == []


@pytest.mark.long
def test_the_table_is_what_the_index_has() -> None:
    now = program.published()
    assert list(program.differences(wheels.read_table()["wheels"], now)) == []
