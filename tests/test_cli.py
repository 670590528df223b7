"""The command line as scripts and people meet it: exit codes, streams, one-line errors, help."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shared_fixtures import Run
from typer.main import get_command
from typer.testing import CliRunner

from edgecnn.cli import app
from edgecnn.data import Dataset
from edgecnn.doctor import Check, Status
from edgecnn.folder import ModelFolder
from edgecnn.recipes import Conv, find_recipe

COMMANDS = ("train", "export", "bench", "predict", "info", "recipes", "doctor")


@pytest.fixture
def pictures(tmp_path: Path, mnist: Dataset) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(mnist.test.images[index]).save(folder / f"{index}.png")
    return folder


def assert_fails(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 1, one line on stderr with these words, nothing on stdout."""
    assert (done.returncode, done.stdout) == (1, ""), done
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
    assert done.stderr == ""


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
    assert_fails(edgecnn("predict", tmp_path / "notes.png", "--model", tiny), "notes.png is no picture", "PNG or JPEG")
    assert_fails(
        edgecnn("predict", tmp_path / "bomb.png", "--model", tiny), "bomb.png has 10000×10000 pixels", "smaller"
    )
    assert_fails(edgecnn("predict", tmp_path / "gone.png", "--model", tiny), "gone.png", "No such file")
    assert_fails(edgecnn("predict", tmp_path / "empty", "--model", tiny), "empty holds no pictures")


def test_predict_refuses_models_that_are_none(edgecnn: Run, pictures: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(tiny.read_bytes()[:1000])
    assert_fails(
        edgecnn("predict", pictures, "--model", tmp_path / "cut.onnx"), "cut.onnx", "truncated or no ONNX file"
    )
    assert_fails(
        edgecnn("predict", pictures, "--model", "nosuch"), "nosuch is no file, no folder and no published model"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--recipe", "edgy"], ["no recipe 'edgy'", "did you mean 'edge'?"]),
        (["train", "--data", "nowhere"], ["nowhere is no data set", "four IDX files"]),
        (["export"], ["models/edge is no file", "edgecnn train"]),
        (["bench"], ["models/edge is no file", "edgecnn train"]),
        (["info", "nowhere.onnx"], ["nowhere.onnx is no file"]),
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
    assert_fails(edgecnn("train", "--data", "lacking.npz", cwd=tmp_path), "lacking.npz lacks y_test")
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


def test_recipes_are_linted_for_int8(edgecnn: Run) -> None:
    (edge, *_) = json.loads(edgecnn("recipes", "--lint", "--json").stdout)
    assert list(edge) == ["recipe", "convolutions"]
    count = sum(isinstance(layer, Conv) for layer in find_recipe("edge").layers)
    assert [list(judged) for judged in edge["convolutions"]] == [["convolution", "verdicts"]] * count
    first = edge["convolutions"][0]
    assert list(first["verdicts"][0]) == ["architecture", "fast", "path", "reasons", "inputs", "outputs"]
    text = edgecnn("recipes", "--lint").stdout
    assert "conv1 (5×5, 1 → 16 channels) misses it on x86-64 (im2col): 1 input channel, no multiple of 4" in text


def test_info_prints_interface_graph_and_origin(edgecnn: Run, exported: ModelFolder) -> None:
    text = edgecnn("info", exported.path).stdout
    assert "image: uint8 [batch, 28, 28], 0 to 255" in text
    (graph,) = (item["graph"] for item in json.loads(edgecnn("info", exported.onnx("float32"), "--json").stdout))
    assert f"{graph['macs']:,} multiply-accumulates" in text
    assert "model.int8.onnx: static int8 uint8/int8" in text
    assert text.count("of the multiply-accumulates in int8, as onnxruntime") == 1
    covered = json.loads(edgecnn("info", exported.onnx("int8"), "--json").stdout)[0]["coverage"]
    assert list(covered) == ["onnxruntime", "machine", "nodes", "leftovers", "int8_macs", "convolutions"]
    assert list(covered["nodes"][0]) == ["name", "operator", "precision", "macs"]
    # Whether a pair is left over depends on which scales the trained weights happen to share.
    assert all(list(left) == ["name", "operator", "after", "before"] for left in covered["leftovers"])


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
    for run in (said, done):
        assert run.stderr == ""
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


def test_ctrl_c_keeps_the_last_epoch_and_resume_goes_on(edgecnn: Run, tmp_path: Path) -> None:
    command = ("train", "--limit", "1200", "--epochs", "40", "--out", str(tmp_path / "model"))
    child = subprocess.Popen([sys.executable, "-m", "edgecnn", *command], stderr=subprocess.PIPE, text=True)
    folder = ModelFolder(tmp_path / "model")
    for _ in range(600):
        if folder.checkpoint.exists() or child.poll() is not None:
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 1
    assert re.search(r"error: stopped; epoch \d+ of 40 is kept in .*model: add --resume", errors)
    assert len(errors.splitlines()) == 1
    assert_fails(edgecnn(*command, "--seed", "1", "--resume"), "seed was 0, now 1")
    resumed = edgecnn(*command, "--resume", "--json")
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


@pytest.mark.parametrize("options", ["size=150k", "ro"])
def test_a_full_or_read_only_folder_is_told_in_one_line(options: str, exported: ModelFolder, tmp_path: Path) -> None:
    place = tmp_path / "place"
    done = on_a_file_system(options, place, "export", str(exported.path), "--out", f"{place}/model")
    assert done.returncode == 1
    reason = "Read-only file system" if options == "ro" else "No space left on device"
    assert re.search(rf"error: cannot write .*: {reason}; free space or choose another place", done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert not re.search(r"/\.\w+", done.stdout.replace(str(place), ""))  # no half-written file


@pytest.mark.parametrize(("size", "left"), [("200k", []), ("500k", ["checkpoint.npz"])])
def test_a_disk_that_fills_up_while_training_leaves_the_last_whole_epoch(
    size: str, left: list[str], tmp_path: Path
) -> None:
    """A checkpoint of `edge` takes 366 kB: one fits on 500 kB, a second beside it does not."""
    place = tmp_path / "place"
    options = ("--limit", "240", "--epochs", "3", "--out", f"{place}/model")
    done = on_a_file_system(f"size={size}", place, "train", *options)
    assert done.returncode == 1
    assert re.search(r"error: cannot write .*checkpoint.npz: No space left on device; free space", done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert [Path(line).name for line in done.stdout.splitlines()] == left


def test_json_of_train_and_export_is_the_card(edgecnn: Run, tmp_path: Path) -> None:
    trained = edgecnn("train", "--limit", "240", "--epochs", "1", "--json", cwd=tmp_path)
    assert json.loads(trained.stdout) == json.loads((tmp_path / "models/edge/card.json").read_text())
    assert trained.stderr == ""
    exported = edgecnn("export", "--quantize", "--scheme", "float16", "--json", cwd=tmp_path)
    assert list(json.loads(exported.stdout)["exports"]) == ["model.onnx", "model.fp16.onnx"]
