"""The model folder: its card, how models are found, and that a write is whole or not there at all."""

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgecnn import files, folder
from edgecnn.card import Card, DataRecord, ExportRecord, TrainingRecord, versions
from edgecnn.errors import EdgecnnError, ModelError, OutputError, UsageError
from edgecnn.files import atomic, copy, size
from edgecnn.folder import ModelFolder, default_model, find, find_onnx
from edgecnn.metrics import Accuracy
from edgecnn.preprocessing import NAMED

BARE = Card("foreign", ("cat", "dög"), (None, 32, 32, 3), "float32", 17, preprocessing=NAMED["0..1"])
FULL = Card(
    name="edge",
    labels=tuple("0123456789"),
    input_shape=(None, 28, 28),
    input_dtype="uint8",
    parameters=29_402,
    data=DataRecord("mnist", "ab" * 32, 55_000, 5_000, 10_000),
    training=TrainingRecord("edge", 14, 128, 0, None, 66.9, "a laptop"),
    validation=Accuracy("validation", 4953, 5000),
    test=Accuracy("test", 9945, 10_000),
    versions={"python": "3.11.7"},
    exports={
        "model.onnx": ExportRecord("float32", 120_000, "cd" * 32, 17, 1e-6, 1.0, Accuracy("test", 9945, 10_000)),
        "model.int8.onnx": ExportRecord("int8", 40_000, "ef" * 32, 17, quantization={"types": "U8S8", "nodes": [1]}),
    },
)


def refusal(kind: type[EdgecnnError], attempt: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        attempt()
    return str(caught.value)


# The card


@pytest.mark.parametrize("card", [BARE, FULL], ids=["bare", "full"])
def test_a_card_comes_back_from_its_file_as_it_was(tmp_path: Path, card: Card) -> None:
    model = ModelFolder(tmp_path)
    model.write_card(card)
    assert model.card() == card
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_every_accuracy_in_a_card_carries_its_share_and_interval() -> None:
    raw = json.loads(FULL.to_json())
    for score in (raw["test"], raw["exports"]["model.onnx"]["accuracy"]):
        assert score == {
            "split": "test",
            "correct": 9945,
            "images": 10_000,
            "value": 0.9945,
            "interval": pytest.approx([0.99285, 0.99577], abs=1e-5),
        }
    assert raw["validation"]["value"] == 0.9906


def test_a_card_is_readable_by_people() -> None:
    assert "dög" in BARE.to_json()
    assert '\n  "parameters": 17,\n' in BARE.to_json()


def test_an_export_is_added_or_replaced_in_a_new_card() -> None:
    record = ExportRecord("float16", 60_000, "01" * 32, 17)
    added, replaced = FULL.with_export("model.fp16.onnx", record), FULL.with_export("model.onnx", record)
    assert list(added.exports) == ["model.onnx", "model.int8.onnx", "model.fp16.onnx"]
    assert replaced.exports == {**FULL.exports, "model.onnx": record}
    assert len(FULL.exports) == 2


def test_a_folder_without_a_card_has_none(tmp_path: Path) -> None:
    assert ModelFolder(tmp_path).card() is None


whole = FULL.to_json()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b"\xff\xfe",
        whole[:-2].encode(),
        whole[: len(whole) // 2].encode(),
        whole.replace('"parameters"', '"parameter"').encode(),
        json.dumps({**json.loads(whole), "exports": []}).encode(),
        json.dumps({**json.loads(whole), "labels": None}).encode(),
        json.dumps({**json.loads(whole), "test": {"split": "test"}}).encode(),
        json.dumps({**json.loads(whole), "data": "mnist"}).encode(),
    ],
    ids=range(14),
)
def test_a_damaged_card_is_refused_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "card.json").write_bytes(content)
    message = refusal(ModelError, ModelFolder(tmp_path).card)
    assert message.startswith(f"{tmp_path / 'card.json'} is not a card of edgecnn (")
    assert message.endswith("): remove it, then export again")


def test_a_folder_in_the_cards_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.json").mkdir()
    assert "card.json is not a card of edgecnn" in refusal(ModelError, ModelFolder(tmp_path).card)


# Names


def test_a_model_folder_names_its_files(tmp_path: Path) -> None:
    model = ModelFolder(tmp_path)
    names = {path.name for path in (model.keras, model.card_path, model.history, model.checkpoint)}
    assert names == {"model.keras", "card.json", "history.csv", "checkpoint.npz"}
    pictures = {path.name for path in (model.curves, model.confusion, model.errors, model.filters)}
    assert pictures == {"training.png", "confusion.png", "errors.png", "filters.png"}
    assert [model.onnx(name).name for name in ("float32", "int8", "float16")] == [
        "model.onnx",
        "model.int8.onnx",
        "model.fp16.onnx",
    ]


def test_onnx_files_are_those_that_exist_float32_first(tmp_path: Path) -> None:
    model = ModelFolder(tmp_path)
    assert model.onnx_files() == []
    for name in ("model.int8.onnx", "model.fp16.onnx", "model.onnx", "other.onnx"):
        (tmp_path / name).touch()
    assert [path.name for path in model.onnx_files()] == ["model.onnx", "model.int8.onnx", "model.fp16.onnx"]


def test_the_original_is_the_keras_file_before_older_forms(tmp_path: Path) -> None:
    model = ModelFolder(tmp_path)
    assert model.original() is None
    (tmp_path / "saved_model").mkdir()
    assert model.original() == tmp_path / "saved_model"
    for name in ("model.h5", "model.keras"):
        (tmp_path / name).touch()
        assert model.original() == tmp_path / name


def test_the_default_folder_lies_under_models_here() -> None:
    assert folder.default_folder("edge") == ModelFolder(Path("models/edge"))


# Finding models


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and two shipped models that are not in it."""
    for name in ("edge", "adventures"):
        ModelFolder(tmp_path / "shipped" / name).write_card(FULL)
    (tmp_path / "shipped" / "no card").mkdir()
    monkeypatch.setattr(folder, "SHIPPED_MODELS", tmp_path / "shipped")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_a_path_goes_before_models_here_and_those_before_shipped_ones(here: Path) -> None:
    assert find("edge") == here.parent / "shipped" / "edge"
    (here / "models" / "edge").mkdir(parents=True)
    assert find("edge") == Path("models/edge")
    (here / "edge").touch()
    assert find("edge") == Path("edge")
    assert find(here / "models" / "edge") == here / "models" / "edge"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("finder", [find, find_onnx])
def test_an_unknown_name_gets_the_nearest_one_and_the_shipped_ones_listed(finder: Callable[[str], Path]) -> None:
    message = refusal(UsageError, lambda: finder("egde"))
    assert message.startswith(
        "there is no model 'egde': did you mean 'edge'? the shipped models are adventures, edge; "
    )
    assert message.endswith("run 'edgecnn train' first")
    assert "did you mean" not in refusal(UsageError, lambda: finder("zzz"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("path", ["models/egde", "egde.onnx", "./egde"])
def test_a_path_to_nothing_is_not_an_unknown_name(path: str) -> None:
    assert refusal(ModelError, lambda: find(path)).startswith(f"{path} does not exist: check the path")


def test_without_shipped_models_the_list_says_so(here: Path) -> None:
    shutil.rmtree(here.parent / "shipped")
    assert "the shipped models are missing" in refusal(UsageError, lambda: find("edge"))


def test_the_default_model_is_the_one_trained_here_or_else_the_shipped_one(here: Path) -> None:
    shipped, trained = ModelFolder(here.parent / "shipped" / "edge"), ModelFolder(Path("models/edge"))
    assert default_model() == shipped
    trained.path.mkdir(parents=True)
    trained.checkpoint.touch()  # of a training that was stopped in its first epochs
    assert default_model() == shipped
    trained.keras.touch()
    assert default_model() == trained
    (here / "edge").mkdir()
    assert default_model() == trained


def test_a_folder_stands_for_its_float32_model(here: Path) -> None:
    model = ModelFolder(here / "models" / "edge")
    model.write_card(FULL)
    model.onnx("float32").touch()
    assert find_onnx("edge") == Path("models/edge/model.onnx")
    assert find_onnx(here / "models" / "edge" / "model.onnx") == here / "models" / "edge" / "model.onnx"


@pytest.mark.parametrize(("name", "fault"), [("a folder", "holds no model.onnx"), ("model.keras", "is not an .onnx")])
def test_a_model_without_onnx_gets_the_next_command(here: Path, name: str, fault: str) -> None:
    (here / "a folder").mkdir()
    (here / "model.keras").touch()
    message = refusal(ModelError, lambda: find_onnx(name))
    assert message.startswith(f"{name} {fault}")
    assert message.endswith(f"run 'edgecnn export {name}' first")


# Writing


def names_in(path: Path) -> list[str]:
    return sorted(item.name for item in path.iterdir())


def test_a_write_replaces_the_earlier_file_and_makes_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "model.int8.onnx"
    for content in (b"first", b"second"):
        with atomic(target) as path:
            assert path.name == target.name
            assert path != target
            path.write_bytes(content)
        assert target.read_bytes() == content
    assert names_in(target.parent) == ["model.int8.onnx"]


def test_who_is_reading_the_earlier_file_goes_on_reading_it(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"earlier")
    with target.open("rb", buffering=0) as reader:
        with atomic(target) as path:
            path.write_bytes(b"later")
        assert reader.read() == b"earlier"
    assert target.read_bytes() == b"later"


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (ValueError("a bug"), ValueError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ModelError("a fault"), ModelError),
        (OSError(28, "No space left on device"), OutputError),
        (OSError("a reason of h5py's\nand its details"), OutputError),
        (OSError(), OutputError),
    ],
    ids=repr,
)
def test_a_write_that_fails_leaves_the_earlier_file_whole(
    tmp_path: Path, error: BaseException, seen: type[BaseException]
) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"earlier")

    def write_half() -> None:
        with atomic(target) as path:
            path.write_bytes(b"half")
            raise error

    with pytest.raises(seen):
        write_half()
    assert target.read_bytes() == b"earlier"
    assert names_in(tmp_path) == ["model.onnx"]


@pytest.mark.parametrize(
    ("error", "reason"), [(OSError(28, "Disk full"), "Disk full"), (OSError("one\ntwo"), "one"), (OSError(), "OSError")]
)
def test_what_the_system_refuses_is_told_in_one_line(tmp_path: Path, error: OSError, reason: str) -> None:
    def write() -> None:
        with atomic(tmp_path / "model.onnx"):
            raise error

    expected = f"cannot write {tmp_path / 'model.onnx'}: {reason}; free some space or choose another path"
    assert refusal(OutputError, write) == expected


def test_a_body_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    def write() -> None:
        with atomic(tmp_path / "model.onnx"):
            pass

    assert "No such file" in refusal(OutputError, write)


@pytest.mark.parametrize("attempt", [ModelFolder.prepare, lambda model: model.write_card(BARE)])
def test_a_file_in_the_folders_place_is_named(tmp_path: Path, attempt: Callable[[ModelFolder], None]) -> None:
    (tmp_path / "models").write_text("a file")
    message = refusal(OutputError, lambda: attempt(ModelFolder(tmp_path / "models" / "edge")))
    assert message.startswith(f"cannot write {tmp_path / 'models' / 'edge'}")
    assert "choose another path" in message


def test_preparing_makes_the_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    ModelFolder(tmp_path / "models" / "edge").prepare()
    assert names_in(tmp_path / "models" / "edge") == []


def test_preparing_leaves_what_the_folder_holds(tmp_path: Path) -> None:
    for name in ("model.keras", "probe"):
        (tmp_path / name).write_text("mine")
    ModelFolder(tmp_path).prepare()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"model.keras": "mine", "probe": "mine"}


MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'


def on_tmpfs(options: str, mount_point: Path, script: str) -> list[str]:
    """Run a script in a process that alone sees a small file system at `mount_point`; what it prints, by line."""
    if not sys.platform.startswith("linux") or not shutil.which("unshare"):
        pytest.skip("needs Linux's unshare to mount a file system of its own")
    mounted = ["unshare", "-m", "sh", "-c", MOUNT, "sh", options, str(mount_point)]
    if subprocess.run([*mounted, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system of its own is not permitted here: run as root")
    setup = (
        "import os\nfrom pathlib import Path\nfrom edgecnn.errors import OutputError\n"
        "from edgecnn.card import Card\nfrom edgecnn.folder import ModelFolder, atomic\n"
        f"model = ModelFolder(Path({str(mount_point)!r}))\n"
    )
    done = subprocess.run([*mounted, sys.executable, "-c", setup + script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("attempt", ["model.prepare()", "model.write_card(Card('m', ('0', '1'), (1,), 'uint8', 1))"])
def test_a_read_only_folder_is_named_with_the_reason(tmp_path: Path, attempt: str) -> None:
    lines = on_tmpfs("ro", tmp_path, f"try:\n    {attempt}\nexcept OutputError as error:\n    print(error)\n")
    assert lines[0].startswith(f"cannot write {tmp_path}")
    assert "Read-only file system; free some space or choose another path" in lines[0]


def test_a_full_folder_is_told_before_long_work_begins(tmp_path: Path) -> None:
    fill = "with open(model.path / 'fill', 'wb', 0) as file:\n    file.write(bytes(64 * 1024))\n"
    check = "try:\n    model.prepare()\nexcept OutputError as error:\n    print(error)\nprint(os.listdir(model.path))\n"
    message, names = on_tmpfs("size=64k", tmp_path, fill + check)
    assert message.startswith(f"cannot write {tmp_path}: ")
    assert "No space left on device" in message
    assert names == "['fill']"


def test_a_folder_that_fills_up_keeps_the_earlier_file(tmp_path: Path) -> None:
    earlier = "with atomic(model.keras) as path:\n    path.write_bytes(b'earlier')\n"
    later = "    with atomic(model.keras) as path:\n        path.write_bytes(bytes(100_000))\n"
    check = "print(model.keras.read_bytes(), os.listdir(model.path))\n"
    script = f"{earlier}try:\n{later}except OutputError as error:\n    print(error)\n{check}"
    message, kept = on_tmpfs("size=64k", tmp_path, script)
    assert f"cannot write {tmp_path / 'model.keras'}: No space left on device" in message
    assert kept == "b'earlier' ['model.keras']"


# Versions and digests


def test_versions_are_of_python_and_the_packages_named() -> None:
    assert versions("numpy") == {"python": platform.python_version(), "numpy": np.__version__}


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert files.sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_digest_of_a_folder_is_of_its_files_in_name_order(tmp_path: Path) -> None:
    for name, content in (("c", b"3"), ("a", b"1"), ("b/x", b"2")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert files.sha256(tmp_path) == hashlib.sha256(b"123").hexdigest()
    (tmp_path / "b" / "x").write_bytes(b"4")
    assert files.sha256(tmp_path) == hashlib.sha256(b"143").hexdigest()


def test_a_folder_weighs_what_its_files_weigh(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(bytes(700))
    (tmp_path / "variables" / "data").write_bytes(bytes(30))
    assert (size(tmp_path), size(tmp_path / "saved_model.pb")) == (730, 700)


def test_a_copied_folder_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for place, name in ((source, "new"), (target, "old")):
        place.mkdir()
        (place / name).touch()
    copy(source, target)
    assert [item.name for item in target.iterdir()] == ["new"]
    with pytest.raises(OutputError, match="cannot write"):
        copy(source, source / "new" / "beneath a file")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["source", "target"]
