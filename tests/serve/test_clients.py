"""What other people's clients get, and what a fuzzer finds that reads the service's own description."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serve.make_clients import CLIENTS, READY
from serve.serving import Running

from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier
from edgecnn.serve import openapi

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not READY.exists(), reason="its clients are not here: python tests/serve/make_clients.py"),
]
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    "response_schema_conformance",
)
HERE = Path(__file__).parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=300)


def test_tritons_and_kserves_clients_get_what_predict_gives(
    service: Running, mnist: Dataset, tiny: Path, tmp_path: Path
) -> None:
    images: Any = mnist.test.images[:5]
    np.save(tmp_path / "images.npy", images)
    address = f"http://127.0.0.1:{service.port}"
    done = run(CLIENTS / "bin" / "python", HERE / "ask_as_clients.py", address, tmp_path / "images.npy", "tiny")
    assert done.returncode == 0, done.stderr
    wanted = Classifier(tiny).predict(images)
    answers = json.loads(done.stdout.splitlines()[-1])
    assert len(answers) == 4
    for values in answers.values():
        found = np.asarray(values, np.float32)
        np.testing.assert_array_equal(found.view(np.uint32), wanted.view(np.uint32))


def test_the_description_is_valid_openapi(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(openapi.document()))
    done = run(CLIENTS / "bin" / "openapi-spec-validator", tmp_path / "openapi.json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_fuzzer_that_reads_the_description_finds_no_fault(service: Running) -> None:
    options = ["--max-examples", "15", "--seed", "1", "--phases", "examples,coverage,fuzzing", "--no-color"]
    checks = [
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
    ]
    description = f"http://127.0.0.1:{service.port}/openapi.json"
    done = run(CLIENTS / "bin" / "schemathesis", "run", description, *options, *checks)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
