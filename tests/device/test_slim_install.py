"""The wheel in an empty environment, far from the source: the same each time, small, and all that a device needs."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.devices import installing
from benchmarks.lib import paths
from edgecnn.data import Dataset

MEGABYTE = 10**6
MOST_BYTES, MOST_MEMORY = 200 * MEGABYTE, 80 * 2**20
MOST_WITH_SERVICE = 230 * MEGABYTE
# What is tested on a device: what needs neither TensorFlow nor the packages that only tests and linters need.
DEVICE_TESTS = (
    "host",
    "runtime",
    "test_predict.py",
    "test_info.py",
    "test_doctor.py",
    "test_card.py",
    "test_terminal.py",
)
QUICK = "not (slow or tensorflow or browser or emulator or long)"
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
Edgecnn = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installing.build_wheel(tmp_path_factory.mktemp("built"))


@pytest.fixture
def seven(tmp_path: Path, mnist: Dataset) -> Path:
    Image.fromarray(mnist.test.images[0]).save(tmp_path / "seven.png")
    return tmp_path / "seven.png"


def environment(folder: Path, version: str, *requirements: str) -> Path:
    """The Python of a new environment with these requirements. The test is skipped without that Python."""
    base = installing.interpreter(version)
    if base is None:
        pytest.skip(f"Python {version} is not on this machine")
    python = installing.make_environment(base, folder / version)
    installing.install(python, "--no-compile", *requirements)  # Python compiles what it uses, pip would all
    return python


def edgecnn_of(python: Path, folder: Path) -> Edgecnn:
    """The installed command, run in an empty folder, with nothing from this environment."""
    work = folder / "work"
    work.mkdir()
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [python.with_name("edgecnn"), *arguments]
        return subprocess.run(command, cwd=work, env=variables, capture_output=True, text=True, check=False)

    return run


def check_device_commands(edgecnn: Edgecnn, seven: Path) -> None:
    predicted = edgecnn("predict", seven, "--model", "edge")
    assert (predicted.returncode, predicted.stdout.split("\t")[1]) == (0, "7"), predicted.stderr
    described = edgecnn("info", "edge", "--json")
    assert {"float32"} <= {item["precision"] for item in json.loads(described.stdout)}
    checks = {check["topic"]: check["status"] for check in json.loads(edgecnn("doctor", "--json").stdout)}
    assert {checks[topic] for topic in ("python", "packages", "data", "running")} == {"ok"}
    benched = edgecnn("bench", "nano", "--duration", "0.1", "--json", "-")
    assert benched.returncode == 0, benched.stderr
    assert len(json.loads(benched.stdout)["contenders"]) == 2


def test_the_wheel_installs_alone_and_is_all_that_a_device_needs(wheel: Path, seven: Path, tmp_path: Path) -> None:
    python = environment(tmp_path, HERE, str(wheel))
    check_device_commands(edgecnn_of(python, tmp_path), seven)
    assert installing.sizes(tmp_path / HERE)[0] <= MOST_BYTES
    assert installing.peak_memory(python, "predict", seven, "--model", "edge") <= MOST_MEMORY


def test_the_same_files_become_the_same_wheel(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """In another folder, by another day's clock for packagers, and where new files are for their owner alone."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    before = os.umask(0o077)
    request.addfinalizer(lambda: os.umask(before))
    assert installing.build_wheel(tmp_path).read_bytes() == wheel.read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("version", installing.PYTHONS)
def test_every_python_runs_every_command(version: str, wheel: Path, seven: Path, tmp_path: Path) -> None:
    python = environment(tmp_path, version, str(wheel))
    edgecnn = edgecnn_of(python, tmp_path)
    check_device_commands(edgecnn, seven)
    assert installing.sizes(tmp_path / version)[0] <= MOST_BYTES
    assert installing.peak_memory(python, "predict", seven, "--model", "edge") <= MOST_MEMORY
    installing.install(python, "--no-compile", f"{wheel}[quantize]")
    made = edgecnn("export", "nano/model.onnx", "--quantize", "--out", "own")
    assert made.returncode == 0, made.stderr
    assert edgecnn("predict", seven, "--model", "own").stdout.split("\t")[1] == "7"


@pytest.mark.long
@pytest.mark.parametrize("version", installing.PYTHONS)
def test_every_python_serves(version: str, wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path, version, f"{wheel}[serve]")
    assert installing.sizes(tmp_path / version)[0] <= MOST_WITH_SERVICE
    command = [str(python.with_name("edgecnn")), "serve", "nano", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as served:
        try:
            address = next(word for word in said_by(served).split() if word.startswith("http://"))
            with urllib.request.urlopen(f"{address.rstrip('/.')}/v2/health/ready", timeout=10) as answer:
                assert answer.status == 200
        finally:
            served.send_signal(signal.SIGINT)


def said_by(served: subprocess.Popen[str]) -> str:
    """The first line with an address, which it says when it is ready."""
    assert served.stderr is not None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (line := served.stderr.readline()):
        if "http://" in line:
            return line
    raise AssertionError("the service said no address")


@pytest.mark.long
@pytest.mark.parametrize("version", installing.PYTHONS)
def test_a_raspberry_pi_stores_no_more(version: str, wheel: Path, tmp_path: Path) -> None:
    base = installing.interpreter(version)
    if base is None:
        pytest.skip(f"Python {version} is not on this machine")
    installing.install_for(base, "aarch64", tmp_path / "slim", str(wheel))
    assert installing.sizes(tmp_path / "slim")[0] <= MOST_BYTES
    installing.install_for(base, "aarch64", tmp_path / "service", f"{wheel}[quantize,serve]")
    assert list((tmp_path / "service").glob("uvloop/*aarch64*.so"))


@pytest.mark.long
def test_the_lowest_versions_that_are_allowed_do_it_all(wheel: Path, seven: Path, tmp_path: Path) -> None:
    base = installing.interpreter(installing.PYTHONS[0])
    if base is None:
        pytest.skip(f"Python {installing.PYTHONS[0]} is not on this machine")
    limits = tmp_path / "lowest.txt"
    limits.write_text(installing.lowest(("quantize", "serve")))
    python = installing.make_environment(base, tmp_path / "lowest")
    testing = ("pytest", "pytest-xdist", "hypothesis")
    installing.install(python, "--no-compile", f"{wheel}[quantize,serve]", *testing, constraints=limits)
    check_device_commands(edgecnn_of(python, tmp_path), seven)
    command = [str(python), "-m", "pytest", "-n0", "-p", "no:cacheprovider", "-m", QUICK]
    tests = [str(paths.ROOT / "tests" / name) for name in DEVICE_TESTS]
    done = subprocess.run([*command, *tests], cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
