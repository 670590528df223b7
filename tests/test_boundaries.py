"""What may import what, and what runs where TensorFlow, onnx and other runtimes are not installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from shared_fixtures import Run

import edgecnn as package
from edgecnn.data import Dataset
from edgecnn.folder import ModelFolder

ROOT = Path(__file__).parent.parent
NOT_ON_A_PI = ("tensorflow", "keras", "onnx", "tf2onnx", "matplotlib", "ai_edge_litert", "openvino")
LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture
def picture(tmp_path: Path, mnist: Dataset) -> Path:
    path = tmp_path / "seven.png"
    Image.fromarray(mnist.test.images[0]).save(path)
    return path


def test_importing_edgecnn_imports_nothing_heavy() -> None:
    heavy = {"numpy", "onnxruntime", "tensorflow", "keras", "onnx", "tf2onnx", "PIL", "typer", "rich", "matplotlib"}
    assert not heavy & loaded_by("import edgecnn")


def test_every_public_name_is_there() -> None:
    assert package.__all__ == sorted(
        package.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense


def test_predict_and_help_import_neither_tensorflow_nor_onnx(picture: Path, tiny: Path) -> None:
    for arguments in (["--help"], ["predict", str(picture), "--model", str(tiny)], ["info", str(tiny)]):
        loaded = loaded_by(
            "from typer.testing import CliRunner; from edgecnn.cli import app; "
            f"done = CliRunner().invoke(app, {arguments!r}); assert done.exit_code == 0, done.output"
        )
        assert not set(NOT_ON_A_PI) & loaded
    assert "onnxruntime" in loaded


def test_serving_imports_neither_tensorflow_nor_onnx() -> None:
    loaded = loaded_by("from edgecnn.serve import command, server, workers; server.Models(['edge'])")
    assert not set(NOT_ON_A_PI) & loaded
    assert {"uvicorn", "starlette", "onnxruntime"} <= loaded


def test_the_command_line_and_its_help_import_nothing_that_takes_long() -> None:
    """They know the words of the bench without what it measures with."""
    heavy = {"numpy", "PIL", "psutil", "msgspec", "onnxruntime", *NOT_ON_A_PI}
    helped = "from typer.testing import CliRunner; from edgecnn.cli import app; " + "".join(
        f"assert CliRunner().invoke(app, {[*command, '--help']!r}).exit_code == 0; "
        for command in ([], ["bench"], ["doctor"])
    )
    for code in ("import edgecnn.cli", helped):
        loaded = loaded_by(code)
        assert "typer" in loaded
        assert not heavy & loaded


def test_no_module_of_the_bench_imports_a_runtime_that_a_pi_lacks() -> None:
    paths = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "edgecnn" / "bench").rglob("[!_]*.py")]
    modules = [".".join(path.parts) for path in paths]
    assert len(modules) > 15
    loaded = loaded_by("; ".join(f"import {module}" for module in modules))
    assert "edgecnn" in loaded
    assert not set(NOT_ON_A_PI) & loaded


def test_a_pi_predicts_describes_and_benches(
    pi: Run, pi_in_one_process: Run, picture: Path, exported: ModelFolder
) -> None:
    assert pi("--help").returncode == 0
    assert pi("recipes").returncode == 0
    predicted = pi("predict", picture, "--model", exported.path)
    assert (predicted.returncode, predicted.stdout.split("\t")[1]) == (0, "7"), predicted.stderr
    described = pi("info", exported.path, "--json")
    assert [item["precision"] for item in json.loads(described.stdout)] == ["float32", "static int8 U8S8"]
    benched = pi_in_one_process("bench", exported.path, "--duration", "0.1", "--json", "-")
    assert (benched.returncode, benched.stderr) == (0, "")
    document = json.loads(benched.stdout)
    assert [(row["name"], row["reference"], row["images"]) for row in document["contenders"]] == [
        ("onnx-float32", "onnx-float32", 10_000),
        ("onnx-int8", "onnx-float32", 10_000),
    ]
    assert document["bench"]["missing"] == [
        "TensorFlow is not installed, so the original model is not measured: pip install 'edgecnn[train]'"
    ]
    absent = {"tensorflow", "keras", "ai-edge-litert", "openvino"}
    assert {"edgecnn", "onnxruntime", "numpy"} <= set(document["bench"]["host"]["versions"])
    assert not absent & set(document["bench"]["host"]["versions"])


def test_doctor_finds_a_pi_fit_to_run_models_and_tells_what_it_lacks_for_more(pi: Run) -> None:
    done = pi("doctor", "--json")
    checks = {check["topic"]: check for check in json.loads(done.stdout)}
    assert (checks["packages"]["status"], checks["running"]["status"], checks["data"]["status"]) == ("ok", "ok", "ok")
    lacking = {topic: check for topic, check in checks.items() if topic.startswith("packages for ")}
    assert {check["status"] for check in lacking.values()} == {"warning"}
    for extra in ("quantize", "train", "peers"):
        assert any(f"edgecnn[{extra}]" in check["remedy"] for check in lacking.values())
    unwell = any(check["status"] == "problem" for check in checks.values())
    assert (done.returncode, done.stderr) == (int(unwell), "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["bench", "{}", "--runtime", "tensorflow"],
            "error: measuring with tensorflow needs tensorflow, which is not installed: pip install 'edgecnn[train]'",
        ),
        (
            ["bench", "{}", "--runtime", "onnxruntime", "--runtime", "openvino"],
            "error: measuring with openvino needs openvino, which is not installed: pip install 'edgecnn[peers]'",
        ),
        (
            ["bench", "{}", "--cluster", "tcp://127.0.0.1:8786"],
            "error: --cluster needs distributed, which is not installed: pip install 'edgecnn[cluster]'",
        ),
        (["train"], "error: training needs tensorflow, which is not installed: pip install 'edgecnn[train]'"),
        (["export", "{}"], "error: loading a TensorFlow model needs tensorflow"),
        (
            ["export", "{}/model.onnx", "--quantize"],
            "error: exporting and quantizing needs onnx, which is not installed: pip install 'edgecnn[quantize]'",
        ),
    ],
)
def test_a_pi_says_how_to_get_what_is_missing(
    pi: Run, arguments: list[str], message: str, exported: ModelFolder, tmp_path: Path
) -> None:
    before = sorted(exported.path.iterdir())
    done = pi(*(argument.format(exported.path) for argument in arguments), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    assert sorted(exported.path.iterdir()) == before


def test_imports_run_against_the_pipeline() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Contracts: 1 kept, 0 broken." in done.stdout, done.stdout


def test_onnxruntime_keeps_no_device_id_and_no_events(pi: Run, picture: Path, tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    quiet = {"HOME": str(home), "XDG_CACHE_HOME": "", "TMPDIR": str(temporary)}
    done = pi("predict", picture, "--model", "edge", **quiet)
    assert done.returncode == 0, done.stderr
    assert [*home.rglob("*"), *temporary.rglob("*")] == []
