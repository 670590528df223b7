"""What doctor says of machines that are well, and of those that are not."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path

import pytest
from test_machine import HOST
from test_watch import QUIET

from edgecnn import doctor
from edgecnn.data import Dataset
from edgecnn.doctor import MEGABYTE, Check, Status, examine, healthy
from edgecnn.errors import DataError

NEEDS = (
    "numpy>=1.26",
    "onnxruntime>=1.24.1",
    "tomli>=2; python_version < '3.0'",
    "onnx>=1.17; extra == 'quantize'",
    "onnx>=1.17; extra == 'train'",
    "tensorflow>=2.18; extra == 'train'",
    "pytest>=8; extra == 'dev'",
)
PI = {"numpy": "2.1.0", "onnxruntime": "1.24.1"}
LAPTOP = PI | {"onnx": "1.19.0", "tensorflow": "2.19.0rc1"}


def test_this_machine_is_examined_whole() -> None:
    checks = examine()
    assert len({check.topic for check in checks}) == len(checks)
    assert all(check.found for check in checks)
    assert all(bool(check.remedy) == (check.status != "ok") for check in checks)
    found = {check.topic: check for check in checks}
    assert healthy(found[topic] for topic in ("python", "packages", "data", "running"))
    assert found["running"].found.startswith("edge labels a test image 7 with ")
    assert found["data"].found == "MNIST: 60,000 images to train, 10,000 to test"
    assert json.loads(json.dumps([asdict(check) for check in checks]))


def test_neither_tensorflow_nor_onnx_is_imported() -> None:
    code = (
        "import sys; from edgecnn.doctor import examine\n"
        "assert 'onnxruntime' not in sys.modules; examine()\n"
        "assert 'onnxruntime' in sys.modules; print({'tensorflow', 'keras', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_only_a_problem_is_unhealthy() -> None:
    fine, meagre, broken = (Check("memory", status, "") for status in ("ok", "warning", "problem"))
    assert healthy([fine, meagre])
    assert not healthy([fine, broken])


def test_python_is_as_new_as_the_package_needs() -> None:
    assert doctor.check_python("3.11.2", ">=3.11").status == "ok"
    assert doctor.check_python("3.14.0rc1", ">=3.11").status == "ok"
    old = doctor.check_python("3.9.2", ">=3.11")
    assert (old.status, old.found) == ("problem", "3.9.2, where >=3.11 is needed")


def test_a_laptop_has_every_package() -> None:
    base, quantize, train = doctor.check_packages(NEEDS, LAPTOP.get)
    assert (base.status, base.found) == ("ok", "numpy 2.1.0, onnxruntime 1.24.1")
    assert (quantize.status, quantize.topic) == ("ok", "packages for quantizing")
    assert (train.status, train.found) == ("ok", "onnx 1.19.0, tensorflow 2.19.0rc1")


def test_a_raspberry_pi_lacks_the_extras_and_is_healthy() -> None:
    checks = doctor.check_packages(NEEDS, PI.get)
    assert healthy(checks)
    assert checks[2] == Check(
        "packages for training and exporting",
        "warning",
        "onnx is missing, tensorflow is missing",
        "pip install --upgrade 'edgecnn[train]'",
    )


def test_a_base_package_missing_or_old_is_a_problem() -> None:
    base = doctor.check_packages(NEEDS, {"numpy": "1.24.2"}.get)[0]
    assert base == Check(
        "packages",
        "problem",
        "numpy 1.24.2 where >=1.26 is needed, onnxruntime is missing",
        "pip install --upgrade 'numpy>=1.26' 'onnxruntime>=1.24.1'",
    )


def test_an_edgecnn_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", absent)
    (check,) = doctor.check_installation()
    assert (check.status, check.topic) == ("warning", "packages")


@pytest.mark.parametrize(
    ("machine", "sets", "flags", "status", "found"),
    [
        ("x86_64", ("AVX2", "AVX-VNNI"), {"avx", "avx2", "avx_vnni"}, "ok", "AVX2, AVX-VNNI"),
        (
            "x86_64",
            ("AVX2",),
            {"avx", "avx2"},
            "warning",
            "AVX2; without VNNI int8 may not pay, and 8-bit weights run exactly but slowly",
        ),
        ("AMD64", (), {"sse2"}, "warning", "no AVX, which TensorFlow needs"),
        ("aarch64", ("NEON", "dotprod"), {"asimd", "asimddp"}, "ok", "NEON, dotprod"),
        ("aarch64", ("NEON",), {"asimd"}, "warning", "NEON; without dotprod int8 may be no faster than float32"),
        ("arm64", (), set(), "ok", "this system does not say"),
        ("riscv64", (), {"rv64imafdc"}, "ok", "none that int8 gains from"),
    ],
)
def test_instruction_sets_are_judged_by_what_int8_gains(
    machine: str, sets: tuple[str, ...], flags: set[str], status: Status, found: str
) -> None:
    check = doctor.check_instruction_sets(replace(HOST, machine=machine, instruction_sets=sets), frozenset(flags))
    assert (check.status, check.found) == (status, found)


@pytest.mark.parametrize(
    ("limit", "environment", "status", "found"),
    [
        (None, {}, "ok", "4 cores"),
        (4.0, {}, "ok", "4 cores"),
        (1.5, {}, "warning", "4 cores, of which a container's limit allows 1.5"),
        (None, {"OMP_NUM_THREADS": "1"}, "warning", "4 cores; OMP_NUM_THREADS=1 does not bind onnxruntime"),
    ],
)
def test_threads_are_those_that_can_be_used(
    limit: float | None, environment: dict[str, str], status: Status, found: str
) -> None:
    check = doctor.check_threads(replace(HOST, cpu_limit=limit), environment)
    assert (check.status, check.found) == (status, found)


@pytest.mark.parametrize(("governor", "status"), [("ondemand", "ok"), (None, "ok"), ("powersave", "warning")])
def test_a_governor_that_saves_power_is_warned_of(governor: str | None, status: Status) -> None:
    assert doctor.check_governor(replace(QUIET, governor=governor)).status == status


@pytest.mark.parametrize(
    ("temperature", "status"),
    [(None, "ok"), (69.9, "ok"), (70.0, "warning"), (79.9, "warning"), (80.0, "problem")],
)
def test_heat_is_judged_by_how_near_it_is_to_throttling(temperature: float | None, status: Status) -> None:
    assert doctor.check_temperature(replace(QUIET, temperature_c=temperature)).status == status


@pytest.mark.parametrize(
    ("bits", "status", "found"),
    [
        (None, "ok", "only a Raspberry Pi says"),
        (0x0, "ok", "none since the start"),
        (0x50000, "warning", "not now, but since the start: under-voltage, throttling"),
        (0x50005, "problem", "now: under-voltage, throttling"),
        (0x80008, "problem", "now: the soft temperature limit"),
    ],
)
def test_throttling_is_told_in_words(bits: int | None, status: Status, found: str) -> None:
    check = doctor.check_throttling(replace(QUIET, throttled=bits))
    assert (check.status, check.found) == (status, found)


@pytest.mark.parametrize(("on_battery", "status"), [(None, "ok"), (False, "ok"), (True, "warning")])
def test_a_battery_is_warned_of(on_battery: bool | None, status: Status) -> None:
    assert doctor.check_power(replace(QUIET, on_battery=on_battery)).status == status


@pytest.mark.parametrize(
    ("free", "status"), [(2000, "ok"), (1000, "ok"), (999, "warning"), (100, "warning"), (99, "problem")]
)
def test_disk_must_have_room(free: int, status: Status) -> None:
    assert doctor.check_disk(free * MEGABYTE).status == status


@pytest.mark.parametrize(
    ("available", "limit", "status"),
    [
        (2000, None, "ok"),
        (999, None, "warning"),
        (199, None, "problem"),
        (2000, 500, "warning"),
        (100, 500, "problem"),
    ],
)
def test_memory_must_suffice_within_the_containers_limit(available: int, limit: int | None, status: Status) -> None:
    check = doctor.check_memory(available * MEGABYTE, limit * MEGABYTE if limit else None)
    assert check.status == status


def test_damaged_data_is_a_problem_and_nothing_is_run_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> Dataset:
        raise DataError("t10k.gz is not the original MNIST file")

    monkeypatch.setattr("edgecnn.data.load", damaged)
    check, dataset = doctor.check_data()
    assert (check.status, check.found, dataset) == ("problem", "t10k.gz is not the original MNIST file", None)
    assert doctor.check_running(Path("edge"), dataset).status == "problem"


def test_a_model_that_is_missing_is_a_problem(mnist: Dataset, tmp_path: Path) -> None:
    check = doctor.check_running(tmp_path / "absent.onnx", mnist)
    assert (check.status, "absent.onnx" in check.found) == ("problem", True)


def test_a_model_that_is_wrong_is_a_problem(mnist: Dataset, tiny: Path) -> None:
    shifted = replace(mnist, labels=(*mnist.labels[1:], mnist.labels[0]))
    check = doctor.check_running(tiny, shifted)
    assert check.status == "problem"
    assert check.found.endswith(", which shows 8")


def test_an_onnxruntime_that_cannot_be_imported_is_a_problem(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edgecnn.runtime.classifier", None)
    assert doctor.check_running(Path("edge"), mnist).status == "problem"
