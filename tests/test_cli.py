"""The command line as scripts and people meet it: exit codes, streams, one-line errors, help."""

import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import outlier_models
import pytest
from PIL import Image
from shared_fixtures import Run
from typer.main import get_command
from typer.testing import CliRunner

from edgecnn.bench import contender_run
from edgecnn.cli import app
from edgecnn.data import Dataset
from edgecnn.doctor import Check, Status
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.host.machine import architecture

COMMANDS = (
    "train",
    "export",
    "bench",
    "predict",
    "sheet",
    "info",
    "tune",
    "bundle",
    "install",
    "recipes",
    "serve",
    "doctor",
)


@pytest.fixture
def pictures(tmp_path: Path, mnist: Dataset) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(mnist.test.images[index]).save(folder / f"{index}.png")
    return folder


def assert_fails(done: subprocess.CompletedProcess[str], *words: str, code: int = 1) -> None:
    """That exit code, one line on stderr with these words, nothing on stdout."""
    assert (done.returncode, done.stdout) == (code, ""), done
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_predict_prints_file_label_and_probability(edgecnn: Run, pictures: Path, exported: ModelFolder) -> None:
    done = edgecnn("predict", pictures, "--model", exported.path)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [Path(line[0]).name for line in lines] == ["0.png", "1.png", "2.png"]
    assert [line[1] for line in lines] == ["7", "2", "1"]
    assert all(re.fullmatch(r"[01]\.\d{4}", line[2]) for line in lines)
    assert done.stderr.startswith(f"note: this runs {exported.path}{os.sep}model.")
    assert done.stderr.count("\n") == 1


def test_predict_top_and_json(edgecnn: Run, pictures: Path, exported: ModelFolder) -> None:
    done = edgecnn("predict", pictures / "0.png", "--model", exported.onnx("int8"), "--top", "3", "--json")
    (row,) = json.loads(done.stdout)
    assert row["file"] == str(pictures / "0.png")
    assert row["predictions"][0]["label"] == "7"
    chances = [guess["probability"] for guess in row["predictions"]]
    assert len(chances) == 3
    assert chances == sorted(chances, reverse=True)


def test_predict_reads_a_list_from_stdin(edgecnn: Run, pictures: Path, tiny: Path) -> None:
    names = "".join(f"{pictures / name}\n" for name in ("2.png", "0.png"))
    done = edgecnn("predict", "-", "--model", tiny, text=names + "\n")
    assert [Path(line.split("\t")[0]).name for line in done.stdout.splitlines()] == ["2.png", "0.png"]


def test_predict_refuses_what_is_no_picture(edgecnn: Run, tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "notes.png").write_text("not a picture")
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    (tmp_path / "empty").mkdir()
    assert_fails(
        edgecnn("predict", tmp_path / "notes.png", "--model", tiny), "notes.png is not a picture", "PNG or JPEG"
    )
    assert_fails(
        edgecnn("predict", tmp_path / "bomb.png", "--model", tiny), "bomb.png has 10000×10000 pixels", "smaller"
    )
    assert_fails(edgecnn("predict", tmp_path / "gone.png", "--model", tiny), "gone.png", "No such file")
    assert_fails(edgecnn("predict", tmp_path / "empty", "--model", tiny), "empty has no pictures")


def test_predict_refuses_models_that_are_none(edgecnn: Run, pictures: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(tiny.read_bytes()[:1000])
    assert_fails(
        edgecnn("predict", pictures, "--model", tmp_path / "cut.onnx"), "cut.onnx", "truncated or not an ONNX file"
    )
    assert_fails(edgecnn("predict", pictures, "--model", "models/nosuch"), "models/nosuch does not exist")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--data", "nowhere"], ["nowhere is not a data set", "four IDX files"]),
        (["export", "models/edge"], ["models/edge does not exist", "edgecnn train"]),
        (["bench", "models/edge"], ["models/edge does not exist", "edgecnn train"]),
        (["info", "nowhere.onnx"], ["nowhere.onnx does not exist"]),
        (["predict", "nowhere", "--model", "edge"], ["nowhere", "No such file"]),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(
    edgecnn: Run, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    assert_fails(edgecnn(*arguments, cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


def test_damaged_data_is_refused_before_anything_is_written(edgecnn: Run, tmp_path: Path) -> None:
    images, labels = np.zeros((30, 8, 8), np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "short.npz", x_train=images, y_train=labels[:20], x_test=images, y_test=labels)
    np.savez(tmp_path / "lacking.npz", x_train=images, y_train=labels, x_test=images)
    assert_fails(edgecnn("train", "--data", "short.npz", cwd=tmp_path), "30 train images but 20 labels")
    assert_fails(edgecnn("train", "--data", "lacking.npz", cwd=tmp_path), "lacking.npz lacks test labels")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["predict"],
        ["train", "--epochs", "0"],
        ["bench", "--threads", "x"],
        ["export", "--scheme", "4bit"],
    ],
)
def test_wrong_usage_exits_with_2(edgecnn: Run, arguments: list[str]) -> None:
    assert edgecnn(*arguments).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--recipe", "edgy"], ["no recipe 'edgy'", "did you mean 'edge'?"]),
        (["export", "egde"], ["no model 'egde'", "did you mean 'edge'?"]),
        (["bench", "egde"], ["no model 'egde'", "did you mean 'edge'?"]),
        (["info", "egde"], ["no model 'egde'", "did you mean 'edge'?"]),
        (["predict", "a.png", "--model", "egde"], ["no model 'egde'", "did you mean 'edge'?"]),
        (["bench", "edge", "--runtime", "onnx"], ["no runtime 'onnx'", "onnxruntime"]),
        (["bench", "edge", "--fail-if", "onnx-int9.p50_us > 1"], ["a contender that this run does not have"]),
        (["bench", "edge", "--fail-if", "onnx-int8.p95_us > 1"], ["a figure that the bench does not have"]),
    ],
)
def test_a_name_that_nothing_has_is_wrong_usage(
    edgecnn: Run, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    assert_fails(edgecnn(*arguments, cwd=tmp_path), *words, code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export", "--scheme", "static"], "--scheme does nothing without --quantize"),
        (["export", "--scheme", "auto"], "--scheme does nothing without --quantize"),
        (["export", "--target", "arm64"], "--target does nothing without --quantize"),
        (["export", "--max-drop", "1"], "--max-drop does nothing without --quantize"),
        (["export", "--explain"], "--explain does nothing without --quantize"),
        (["export", "--calibration-images", "9"], "--calibration-images does nothing without --quantize"),
        (["export", "--scheme", "static", "--explain"], "--scheme and --explain do nothing without --quantize"),
        (["export", "a.onnx", "--quantize", "--opset", "15"], "--opset does nothing for an .onnx file"),
        (["export", "--quantize", "--scheme", "static", "--max-drop", "1"], "--max-drop does nothing with --scheme"),
        (
            ["export", "--quantize", "--scheme", "float16", "--calibration-images", "9"],
            "--calibration-images does nothing with --scheme float16",
        ),
        (["bench", "--rate", "9"], "--rate does nothing without --scenario server"),
        (["bench", "--latency-bound", "9"], "--latency-bound does nothing without --scenario server"),
        (["bench", "--scenario", "offline", "--batch", "9"], "--batch does nothing with --scenario offline"),
        (["bench", "--force"], "--force does nothing without --compare"),
        (["bench", "--json", "-", "--html", "-"], "--json and --html would both write to stdout"),
        (["bench", "--csv", "a", "--markdown", "a"], "--csv and --markdown would both write to a"),
    ],
)
def test_what_would_be_ignored_is_refused_before_anything_is_done(
    edgecnn: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    assert_fails(edgecnn(*arguments, cwd=tmp_path), words, code=2)
    assert list(tmp_path.iterdir()) == []


def test_without_a_model_the_shipped_one_is_used_and_named(edgecnn: Run, pictures: Path, tmp_path: Path) -> None:
    """And the one trained here, once there is one."""
    done = edgecnn("predict", pictures / "0.png", cwd=tmp_path)
    note, chosen = done.stderr.splitlines()
    assert note == "note: no model was given and none is in models/edge, so this is the shipped model 'edge'"
    assert (done.stdout.split("\t")[1], chosen[:16]) == ("7", "note: this runs ")
    shutil.copytree(SHIPPED_MODELS / "edge", tmp_path / "models" / "edge")
    done = edgecnn("predict", pictures / "0.png", cwd=tmp_path)
    note, chosen = done.stderr.splitlines()
    assert note == "note: no model was given, so this is models/edge"
    assert (done.stdout.split("\t")[1], chosen[:28]) == ("7", "note: this runs models/edge/")


@pytest.mark.slow
def test_bench_without_a_model_measures_the_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contender_run, "STARTS_QUICKLY", 0.0)  # one process does for all rounds
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["bench", "--runtime", "onnxruntime", "--duration", "0.1", "--csv", "-"])
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["model"] for row in rows} == {str(SHIPPED_MODELS / "edge")}
    assert done.stderr.startswith("note: no model was given and none is in models/edge")


@pytest.mark.slow
def test_export_without_a_model_writes_the_shipped_one_to_a_folder_here(edgecnn: Run, tmp_path: Path) -> None:
    """And its JSON is the card that it writes there."""
    before = {path: path.read_bytes() for path in (SHIPPED_MODELS / "edge").iterdir()}
    done = edgecnn("export", "--quantize", "--scheme", "float16", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("note: no model was given and none is in models/edge")
    assert {"model.keras", "model.onnx", "card.json"} <= {path.name for path in (tmp_path / "models/edge").iterdir()}
    assert json.loads(done.stdout) == json.loads((tmp_path / "models/edge/card.json").read_text())
    assert list(json.loads(done.stdout)["exports"]) == ["model.onnx", "model.fp16.onnx"]
    assert {path: path.read_bytes() for path in (SHIPPED_MODELS / "edge").iterdir()} == before


def test_the_version_is_that_of_the_package(edgecnn: Run) -> None:
    assert edgecnn("--version").stdout == f"edgecnn {metadata.version('edgecnn')}\n"


def test_the_shell_completes_commands_options_and_names_without_a_heavy_import(tmp_path: Path) -> None:
    def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_EDGECNN_COMPLETE": "complete_bash"}
        code = "import sys\nfrom edgecnn.__main__ import main\ntry:\n    main()\nfinally:\n    "
        code += "assert not {'numpy', 'onnx', 'onnxruntime', 'tensorflow', 'rich'} & set(sys.modules)"
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=os.environ | words, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    assert completed("edgecnn do") == ["doctor"]
    assert "--quantize" in completed("edgecnn export --q")
    assert completed("edgecnn train --recipe n") == ["nano", "notebook-3x3", "notebook-5x5"]
    assert completed("edgecnn bench --runtime o") == ["onnxruntime", "openvino"]


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_is_plain_and_fits_60_columns(edgecnn: Run, arguments: list[str]) -> None:
    done = edgecnn(*arguments, COLUMNS="60", TERM="dumb")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert max(map(len, done.stdout.splitlines())) <= 60


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


@pytest.mark.parametrize(
    "arguments", [["recipes"], ["info", "edge", "--fast-paths"], ["doctor"], ["export", "--help"], ["info", "egde"]]
)
def test_a_terminal_of_ascii_gets_ascii(edgecnn: Run, tmp_path: Path, arguments: list[str]) -> None:
    done = edgecnn(*arguments, cwd=tmp_path, NO_COLOR="1", TERM="dumb", COLUMNS="60", **ASCII)
    assert "Traceback" not in done.stderr
    assert done.stdout.isascii()
    assert done.stderr.isascii()
    if "info" in arguments and "edge" in arguments:
        assert "conv1 (5x5, 1 -> 16 channels)" in done.stdout


@pytest.mark.slow
def test_a_bench_on_a_narrow_terminal_of_ascii_can_be_read(
    edgecnn_in_one_process: Run, tiny: Path, tmp_path: Path
) -> None:
    command = ("bench", tiny, "--runtime", "onnxruntime", "--duration", "0.1")
    done = edgecnn_in_one_process(*command, cwd=tmp_path, TERM="dumb", COLUMNS="60", **ASCII)
    assert done.stdout.isascii()
    assert "p50 us" in done.stdout
    rows = [line.rstrip() for line in done.stdout.splitlines() if line.startswith(("contender ", "onnx-tiny "))]
    assert max(map(len, rows)) <= 60


@pytest.mark.parametrize("name", ["Größe.png".encode(), b"caf\xe9.png"])
@pytest.mark.parametrize("settings", [ASCII, {"LC_ALL": "C.UTF-8"}])
def test_a_file_name_is_passed_on_byte_by_byte(
    name: bytes, settings: dict[str, str], pictures: Path, tiny: Path, tmp_path: Path
) -> None:
    file = os.fsencode(tmp_path) + b"/" + name
    shutil.copy(os.fsencode(pictures / "0.png"), file)
    command = [sys.executable, "-m", "edgecnn", "predict", "-", "--model", str(tiny)]
    done = subprocess.run(command, env=os.environ | settings, input=file + b"\n", capture_output=True, check=True)
    assert done.stdout.split(b"\t")[0] == file
    json_done = subprocess.run(
        [*command, "--json"], env=os.environ | settings, input=file, capture_output=True, check=True
    )
    (row,) = json.loads(json_done.stdout)
    assert os.fsencode(row["file"]) == file or settings is ASCII


def test_every_command_and_option_has_help(edgecnn: Run) -> None:
    group = get_command(app)
    assert tuple(group.commands) == COMMANDS  # type: ignore[attr-defined]
    for command in group.commands.values():  # type: ignore[attr-defined]
        assert command.help, command.name
        for parameter in command.params:
            assert parameter.help, (command.name, parameter.name)
        assert edgecnn(command.name, "--help").returncode == 0


def test_recipes_tell_published_and_reproduced_accuracy(edgecnn: Run) -> None:
    rows = {row["name"]: row for row in json.loads(edgecnn("recipes", "--json").stdout)}
    assert rows["adventures"]["published"][0]["accuracy"] == 0.9897
    assert rows["adventures"]["reproduced"]["test"]["images"] == 10_000
    assert "98.97% (the tutorial)" in edgecnn("recipes").stdout


@pytest.mark.tensorflow
def test_a_long_training_on_other_images_says_that_it_has_no_teacher(edgecnn: Run, tmp_path: Path) -> None:
    done = edgecnn("train", "--long", "--limit", "300", "--epochs", "1", "--quiet", cwd=tmp_path)
    assert done.returncode == 0
    assert "'accurate' was trained with other images" in done.stderr


def test_info_tells_of_fast_paths_on_other_processors_only_if_asked(edgecnn: Run) -> None:
    other = "arm64" if architecture() == "x86-64" else "x86-64"
    text = edgecnn("info", "edge").stdout
    assert f"path on {other}" not in text
    text = edgecnn("info", "edge", "--fast-paths").stdout
    miss = "conv1 (5×5, 1 → 16 channels) misses the fast path on x86-64 (im2col): 1 input channel"
    assert f"  in int8         {miss}" in text
    assert "  fast path       conv1 (5×3, 4 → 32 channels) takes the fast path on x86-64" in text  # its int8 file
    assert "conv2 (3×3, 16 → 32 channels) takes the fast path on x86-64" in text
    assert "misses the fast path on arm64" in text
    original, *_ = json.loads(edgecnn("info", "edge", "--fast-paths", "--json").stdout)
    assert [list(judged) for judged in original["fast_paths"]] == [["convolution", "verdicts"]] * 4
    first = original["fast_paths"][0]["verdicts"][0]
    assert list(first) == ["architecture", "fast", "path", "reasons", "inputs", "outputs"]


def test_fast_paths_without_onnx_say_what_to_install(pi: Run) -> None:
    assert_fails(pi("info", "edge", "--fast-paths"), "onnx", "pip install 'edgecnn[quantize]'")


def test_info_prints_interface_graph_and_origin(edgecnn: Run, exported: ModelFolder) -> None:
    text = edgecnn("info", exported.path).stdout
    assert "image: uint8 [batch, 28, 28], 0 to 255" in text
    (graph,) = (item["graph"] for item in json.loads(edgecnn("info", exported.onnx("float32"), "--json").stdout))
    assert f"{graph['macs']:,} multiply-accumulates" in text
    assert "model.int8.onnx: static int8 U8S8" in text
    assert text.count("of the multiply-accumulates in int8, as onnxruntime") == 1
    covered = json.loads(edgecnn("info", exported.onnx("int8"), "--json").stdout)[0]["coverage"]
    assert list(covered) == ["onnxruntime", "machine", "nodes", "leftovers", "int8_macs", "convolutions"]
    assert list(covered["nodes"][0]) == ["name", "operator", "precision", "macs"]
    # Whether a pair is left over depends on which scales the trained weights happen to share.
    assert all(list(left) == ["name", "operator", "after", "before"] for left in covered["leftovers"])


def test_outliers_are_uncertain_on_the_command_line_and_told_of_in_one_line(edgecnn: Run, tmp_path: Path) -> None:
    knowing = outlier_models.telling(tmp_path / "knowing.onnx")
    strange = np.pad(np.zeros((10, 10), np.uint8), 5, constant_values=255)
    Image.fromarray(np.pad(strange, 4)).save(tmp_path / "frame.png")
    for options, verdict in (((), "uncertain"), (("--min-confidence", "0"), "label")):
        done = edgecnn("predict", tmp_path / "frame.png", "--model", knowing, "--json", *options)
        assert json.loads(done.stdout)[0]["verdict"] == verdict
    text, done = edgecnn("info", knowing).stdout, edgecnn("info", knowing, "--json")
    limit = json.loads(done.stdout)[0]["metadata"]["outliers"]["limit"]
    assert f"  outliers        what is farther than {limit:.2f} from the training images of its label\n" in text
    assert max(map(len, text.splitlines())) < 300


def test_info_without_onnx_says_how_to_get_the_coverage(pi: Run, exported: ModelFolder) -> None:
    text = pi("info", exported.path).stdout
    assert text.count("coverage        needs the onnx package: pip install 'edgecnn[quantize]'") == 1  # the int8 file's


def test_doctor_has_a_line_for_each_check_and_the_same_as_json(edgecnn: Run, tmp_path: Path) -> None:
    said, done = edgecnn("doctor", cwd=tmp_path), edgecnn("doctor", "--json", cwd=tmp_path)
    checks = json.loads(done.stdout)
    assert all(list(check) == ["topic", "status", "found", "remedy"] for check in checks)
    assert {check["status"] for check in checks} <= {"ok", "warning", "problem"}
    assert {"python", "packages", "threads", "governor", "disk", "memory", "data", "running"} <= {
        check["topic"] for check in checks
    }
    lines = said.stdout.splitlines()
    remedies = [line for line in lines if line.lstrip().startswith("→ ")]
    assert len(lines) == len(checks) + len(remedies)
    assert len(remedies) == sum(bool(check["remedy"]) for check in checks)
    for line, check in zip((line for line in lines if line not in remedies), checks, strict=True):
        assert line.startswith(f"{check['status']:<8} {check['topic']} ")
    assert (said.stderr, done.stderr) == ("", "")
    unwell = any(check["status"] == "problem" for check in checks)
    assert (said.returncode, done.returncode) == (int(unwell), int(unwell))


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warning", 0), ("problem", 1)])
def test_doctor_exits_with_1_on_a_problem_only_and_tells_what_to_do(
    status: Status, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = (Check("python", "ok", "3.11.7"), Check("memory", status, "500 MB", "" if status == "ok" else "rest"))
    monkeypatch.setattr("edgecnn.doctor.examine", lambda: checks)
    said, done = (CliRunner().invoke(app, ["doctor", *options]) for options in ([], ["--json"]))
    assert (said.exit_code, done.exit_code) == (code, code)
    remedy = [] if status == "ok" else ["                 → rest"]
    assert said.stdout.splitlines() == ["ok       python  3.11.7", f"{status:<8} memory  500 MB", *remedy]
    assert json.loads(done.stdout) == [vars(check) for check in checks]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_ctrl_c_keeps_the_last_epoch_and_resume_goes_on(edgecnn: Run, tmp_path: Path) -> None:
    """And the JSON of the whole training is the card."""
    command = ("train", "--recipe", "nano", "--limit", "240", "--epochs", "40", "--out", str(tmp_path / "model"))
    child = subprocess.Popen([sys.executable, "-m", "edgecnn", *command], stderr=subprocess.PIPE, text=True)
    folder = ModelFolder(tmp_path / "model")
    for _ in range(600):
        if folder.checkpoint.exists() or child.poll() is not None:
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert re.search(r"stopped; epoch \d+ of 40 is kept in .*model: add --resume", errors)
    assert len(errors.splitlines()) == 1
    resumed = edgecnn(*command, "--resume", "--json")
    assert all(line.startswith("note: ") for line in resumed.stderr.splitlines())
    assert json.loads(resumed.stdout) == json.loads(folder.card_path.read_text())
    assert json.loads(resumed.stdout)["training"]["epochs"] == 40
    assert len(folder.history.read_text().splitlines()) == 41


def on_a_file_system(options: str, place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of edgecnn where `place` is a real file system of that kind, then list the files that are on it.

    It has a mount namespace of its own, which goes with the process.
    """
    place.mkdir()
    mount = f"mount -t tmpfs -o {options} tmpfs {place}"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root: run the tests with sudo")
    line = shlex.join([sys.executable, "-m", "edgecnn", *command])
    script = f"{mount} && {line}; code=$?; find {place} -type f; exit $code"
    return subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "reason"), [("size=30k", "No space left on device"), ("ro", "Read-only file system")]
)
def test_a_full_or_read_only_folder_is_told_in_one_line(options: str, reason: str, tmp_path: Path) -> None:
    place, model = tmp_path / "place", str(SHIPPED_MODELS / "nano" / "model.onnx")
    quantized = ("--quantize", "--scheme", "float16", "--out", f"{place}/model")
    done = on_a_file_system(options, place, "export", model, *quantized)
    assert done.returncode == 1
    assert re.search(rf"error: cannot write .*: {reason}; free some space or choose another path", done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert not re.search(r"/\.\w+", done.stdout.replace(str(place), ""))  # no half-written file


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.long
@pytest.mark.parametrize(("size", "left"), [("200k", []), ("500k", ["checkpoint.npz"])])
def test_a_disk_that_fills_up_while_training_leaves_the_last_whole_epoch(
    size: str, left: list[str], tmp_path: Path
) -> None:
    """A checkpoint of `edge` takes 366 kB: one fits on 500 kB, a second beside it does not."""
    place = tmp_path / "place"
    options = ("--limit", "240", "--epochs", "3", "--out", f"{place}/model")
    done = on_a_file_system(f"size={size}", place, "train", *options)
    assert done.returncode == 1
    assert re.search(r"error: cannot write .*checkpoint.npz: No space left on device; free some space", done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert [Path(line).name for line in done.stdout.splitlines()] == left


@pytest.mark.parametrize(
    "arguments",
    [
        ["bench", "edge", "--duration", "nan"],
        ["bench", "edge", "--scenario", "server", "--rate", "100", "--rate", "inf"],
        ["export", "edge", "--quantize", "--max-drop", "nan"],
        ["export", "edge", "--tolerance", "inf"],
        ["predict", "x.png", "--min-confidence", "nan"],
        ["serve", "edge", "--timeout", "nan"],
    ],
)
def test_a_number_that_is_not_one_is_wrong_usage(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert arguments[-2] in done.stderr
