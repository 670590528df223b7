"""What other people's clients get, and what a fuzzer finds that reads the service's own description."""

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serve.make_clients import CLIENTS, is_ready
from serve.serving import Running

from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier
from edgecnn.serve import openapi

PREPARE = "python tests/serve/make_clients.py"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_ready("clients.txt"), reason=f"its clients are not here: {PREPARE}"),
]
kserve = pytest.mark.skipif(not is_ready("kserve.txt"), reason=f"KServe's client is not here: {PREPARE} --all")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
HERE = Path(__file__).parent
MOST_BYTES = 230_000_000  # of a slim installation with the service, without the bytecode that Python makes of it
GUIDE = HERE.parents[1] / "docs" / "serve.md"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("client", ["triton", pytest.param("kserve", marks=kserve)])
def test_a_client_of_others_gets_what_predict_gives(
    service: Running, mnist: Dataset, tiny: Path, tmp_path: Path, client: str
) -> None:
    images: Any = mnist.test.images[:5]
    np.save(tmp_path / "images.npy", images)
    address = f"http://127.0.0.1:{service.port}"
    asked = HERE / "ask_as_clients.py", client, address, tmp_path / "images.npy", "tiny"
    done = run(CLIENTS / "bin" / "python", *asked)
    assert done.returncode == 0, done.stderr
    wanted = Classifier(tiny).predict(images)
    answers = json.loads(done.stdout.splitlines()[-1])
    assert len(answers) == 2
    for values in answers:
        found = np.asarray(values, np.float32)
        np.testing.assert_array_equal(found.view(np.uint32), wanted.view(np.uint32))


def test_the_description_is_valid_openapi(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(openapi.document()))
    done = run(CLIENTS / "bin" / "openapi-spec-validator", tmp_path / "openapi.json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_fuzzer_that_reads_the_description_finds_no_fault(service: Running) -> None:
    options = ["--max-examples", "15", "--seed", "1", "--phases", "examples,coverage,fuzzing", "--no-color"]
    description = f"http://127.0.0.1:{service.port}/openapi.json"
    done = run(CLIENTS / "bin" / "schemathesis", "run", description, *options, "--checks", CHECKS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr


def test_the_dockerfile_of_the_guide_has_no_fault(tmp_path: Path) -> None:
    """By hadolint. No Docker runs where the tests do."""
    (tmp_path / "Dockerfile").write_text(block("dockerfile"))
    done = run(CLIENTS / "bin" / "hadolint", "--no-color", tmp_path / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.long
def test_the_steps_of_the_dockerfile_make_a_service_that_is_healthy_and_small(tmp_path: Path) -> None:
    """They run in a virtual environment in place of /app, with a copy of the project in place of /source."""
    steps = block("dockerfile").replace("\\\n", " ").splitlines()
    source, place, port = tmp_path / "source", tmp_path / "app", free_port()

    def here(text: str) -> str:
        text = text.replace("/source", str(source)).replace("/app", str(place)).replace("8000", str(port))
        return text.replace("python -m", f"{sys.executable} -m")

    root = HERE.parents[1]
    tracked = run("git", "-C", root, "ls-files", "-z").stdout.split("\0")[:-1]
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, source / name)
    (install,) = [here(step.removeprefix("RUN ")) for step in steps if step.startswith("RUN python")]
    assert run("sh", "-ec", install).returncode == 0
    installed = [file for file in place.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert sum(file.stat().st_size for file in installed) < MOST_BYTES
    commands = [here(step) for step in steps if step.startswith(("HEALTHCHECK", "ENTRYPOINT", "CMD"))]
    healthy, entry, models = (json.loads(command[command.index("[") :]) for command in commands)
    with subprocess.Popen([*entry, "--port", str(port), *models], cwd=tmp_path, stderr=subprocess.DEVNULL) as served:
        try:
            for _ in range(100):
                if run(*healthy).returncode == 0:
                    break
                time.sleep(0.1)
            assert run(*healthy).returncode == 0
        finally:
            served.terminate()
    assert run(*healthy).returncode != 0


def block(language: str) -> str:
    """The first block of code in that language in the guide."""
    return GUIDE.read_text(encoding="utf-8").split(f"```{language}\n")[1].split("```")[0]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
