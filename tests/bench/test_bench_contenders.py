"""What is entered for a model: each runtime and way that its files can be run in, under names told apart."""

import json
import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgecnn.bench import contenders
from edgecnn.bench.contenders import Contender, Entry, start_list
from edgecnn.card import Card, ExportRecord
from edgecnn.errors import BenchError, MissingDependencyError, ModelError, UsageError
from edgecnn.folder import ModelFolder
from edgecnn.preprocessing import NAMED

Remove = Callable[..., None]


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> ModelFolder:
    """Three precisions and, in place of an original, a file of its name: what is entered is not yet opened."""
    return filled(tmp_path / "edge", tiny)


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Remove:
    """Make modules appear not to be installed."""

    def remove(*modules: str) -> None:
        monkeypatch.setattr(contenders, "find_spec", lambda name: None if name in modules else find_spec(name))

    return remove


def filled(path: Path, tiny: Path) -> ModelFolder:
    path.mkdir(parents=True)
    for name in ("model.onnx", "model.int8.onnx", "model.fp16.onnx"):
        shutil.copy(tiny, path / name)
    (path / "model.keras").touch()
    return ModelFolder(path)


def entered(*models: str | Path, runtimes: tuple[str, ...] = ()) -> tuple[Entry, ...]:
    return start_list(models, threads=1, batch=1, runtimes=runtimes)


def listed(*models: str | Path, runtimes: tuple[str, ...] = ()) -> list[Contender]:
    return [item for entry in entered(*models, runtimes=runtimes) for item in entry.contenders]


def names(*models: str | Path, runtimes: tuple[str, ...] = ()) -> list[str]:
    return [item.name for item in listed(*models, runtimes=runtimes)]


def test_a_folder_enters_every_runtime_way_and_file_in_this_order(folder: ModelFolder) -> None:
    (entry,) = start_list([folder.path], threads=2, batch=8)
    assert [(item.name, item.runtime, item.variant, item.file.name) for item in entry.contenders] == [
        ("tf-predict", "tensorflow", "predict", "model.keras"),
        ("tf-call", "tensorflow", "call", "model.keras"),
        ("tf-function", "tensorflow", "function", "model.keras"),
        ("tf-xla", "tensorflow", "xla", "model.keras"),
        ("onnx-float32", "onnxruntime", "float32", "model.onnx"),
        ("onnx-int8", "onnxruntime", "int8", "model.int8.onnx"),
        ("onnx-float16", "onnxruntime", "float16", "model.fp16.onnx"),
        ("openvino-float32", "openvino", "float32", "model.onnx"),
        ("openvino-int8", "openvino", "int8", "model.int8.onnx"),
        ("openvino-float16", "openvino", "float16", "model.fp16.onnx"),
        ("litert-float32", "litert", "float32", "model.keras"),
        ("litert-int8", "litert", "int8", "model.keras"),
        ("litert-float32-compiled", "litert", "float32-compiled", "model.keras"),
        ("litert-int8-compiled", "litert", "int8-compiled", "model.keras"),
        ("ncnn-float32", "ncnn", "float32", "model.onnx"),
        ("mnn-float32", "mnn", "float32", "model.onnx"),
    ]
    assert {(item.threads, item.batch, item.model) for item in entry.contenders} == {(2, 8, str(folder.path))}
    assert [item.is_original for item in entry.contenders] == [True] * 4 + [False] * 12
    assert (entry.model, entry.missing) == (str(folder.path), ())


def test_a_saved_model_is_a_function_and_so_has_two_ways(folder: ModelFolder) -> None:
    folder.keras.unlink()
    (folder.path / "saved_model").mkdir()
    found = listed(folder.path, runtimes=("tensorflow",))
    assert [item.name for item in found] == ["tf-function", "tf-xla"]
    assert {item.file for item in found} == {folder.path / "saved_model"}


def test_only_the_runtimes_asked_for_are_entered_in_the_lists_own_order(folder: ModelFolder) -> None:
    assert names(folder.path, runtimes=("litert", "onnxruntime")) == [
        "onnx-float32",
        "onnx-int8",
        "onnx-float16",
        "litert-float32",
        "litert-int8",
        "litert-float32-compiled",
        "litert-int8-compiled",
    ]
    assert names(folder.path, runtimes=("tensorflow", "tensorflow")) == [
        "tf-predict",
        "tf-call",
        "tf-function",
        "tf-xla",
    ]


def test_an_unknown_runtime_is_wrong_usage_and_names_those_there_are(folder: ModelFolder) -> None:
    choice = "choose one of tensorflow, onnxruntime, litert, openvino, ncnn, mnn"
    with pytest.raises(UsageError, match=f"there is no runtime 'tflite': {choice}"):
        names(folder.path, runtimes=("onnxruntime", "tflite"))


@pytest.mark.parametrize(
    ("runtime", "module", "extra"),
    [
        ("tensorflow", "tensorflow", "train"),
        ("litert", "ai_edge_litert", "peers"),
        ("openvino", "openvino", "peers"),
        ("ncnn", "ncnn", "peers"),
        ("mnn", "MNN", "peers"),
    ],
)
def test_a_runtime_that_is_not_installed_is_said_with_the_command_that_adds_it(
    runtime: str, module: str, extra: str, folder: ModelFolder, absent: Remove
) -> None:
    absent(module)
    with pytest.raises(MissingDependencyError, match=rf"{runtime}, which is not .*: pip install 'edgecnn\[{extra}\]'"):
        names(folder.path, runtimes=(runtime,))


@pytest.mark.parametrize(("runtime", "converter"), [("ncnn", "pnnx"), ("ncnn", "onnx"), ("mnn", "onnx")])
def test_a_runtime_whose_converter_is_not_here_is_left_out_and_told_of_if_it_is_asked_for(
    runtime: str, converter: str, folder: ModelFolder, absent: Remove
) -> None:
    absent(converter)
    assert runtime not in {item.runtime for item in listed(folder.path)}
    with pytest.raises(BenchError, match="its converter is not here: pip install"):
        names(folder.path, runtimes=(runtime,))


def test_runtimes_that_are_not_installed_are_left_out_where_none_is_asked_for(
    folder: ModelFolder, absent: Remove
) -> None:
    absent("openvino", "ai_edge_litert", "ncnn", "MNN")
    assert {item.runtime for item in listed(folder.path)} == {"tensorflow", "onnxruntime"}


def test_without_tensorflow_neither_the_original_nor_litert_is_entered_and_that_is_said(
    folder: ModelFolder, absent: Remove
) -> None:
    absent("tensorflow")
    (entry,) = entered(folder.path)
    assert {item.runtime for item in entry.contenders} == {"onnxruntime", "openvino", "ncnn", "mnn"}
    assert entry.missing == (
        "TensorFlow is not installed, so the original model is not measured: pip install 'edgecnn[train]'",
    )


def test_the_same_precisions_of_two_models_are_told_apart_by_their_folders(tiny: Path, tmp_path: Path) -> None:
    edge, wide = filled(tmp_path / "edge", tiny), filled(tmp_path / "wide", tiny)
    assert names(edge.path, wide.path, runtimes=("onnxruntime",)) == [
        "edge/onnx-float32",
        "edge/onnx-int8",
        "edge/onnx-float16",
        "wide/onnx-float32",
        "wide/onnx-int8",
        "wide/onnx-float16",
    ]
    assert names(edge.onnx("int8"), wide.onnx("int8"), runtimes=("onnxruntime",)) == [
        "edge/onnx-int8",
        "wide/onnx-int8",
    ]


def test_folders_of_one_name_are_told_apart_by_their_paths(tiny: Path, tmp_path: Path) -> None:
    old, new = filled(tmp_path / "old" / "edge", tiny), filled(tmp_path / "new" / "edge", tiny)
    found = names(old.path, new.path, runtimes=("onnxruntime",))
    assert [found[0], found[3]] == [f"{old.path}/onnx-float32", f"{new.path}/onnx-float32"]
    assert len(set(found)) == 6


def test_a_folder_and_a_file_of_it_are_told_apart(folder: ModelFolder) -> None:
    found = names(folder.path, folder.onnx("int8"), runtimes=("onnxruntime",))
    assert len(set(found)) == len(found) == 4
    assert found[-1] == f"{folder.onnx('int8')}/onnx-int8"


def test_names_that_differ_by_themselves_have_no_prefix(folder: ModelFolder, tiny: Path) -> None:
    copy = shutil.copy(tiny, folder.path / "other.onnx")
    assert names(tiny, copy, runtimes=("onnxruntime",)) == ["onnx-tiny", "onnx-other"]


def test_a_model_given_twice_is_entered_once_however_it_is_spelt(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[str | Path] = [str(folder.path), f"{folder.path}{os.sep}", folder.path]
    assert len(names(*again, runtimes=("onnxruntime",))) == 3
    monkeypatch.chdir(folder.path.parent)
    (folder.path.parent / "models").mkdir()
    shutil.move(folder.path, "models/edge")
    assert names("edge", "models/edge", "./models/edge", runtimes=("onnxruntime",)) == [
        "onnx-float32",
        "onnx-int8",
        "onnx-float16",
    ]


def test_the_card_gives_the_pixel_scale_and_without_one_pixels_go_from_0_to_1(folder: ModelFolder) -> None:
    assert {item.preprocessing for item in listed(folder.path)} == {NAMED["0..1"]}
    folder.write_card(Card("digits", ("0", "1"), (28, 28), "float32", 1, preprocessing=NAMED["-1..1"]))
    (entry,) = entered(folder.path)
    assert entry.card == folder.card()
    assert {item.preprocessing for item in entry.contenders} == {NAMED["-1..1"]}


def test_a_card_speaks_for_the_files_it_lists_and_for_no_neighbor(folder: ModelFolder, tiny: Path) -> None:
    card = Card("digits", ("0", "1"), (28, 28), "float32", 1, preprocessing=NAMED["0..255"])
    folder.write_card(card.with_export("model.int8.onnx", ExportRecord("int8", 1, "0" * 64, 17)))
    stranger = Path(shutil.copy(tiny, folder.path / "stranger.onnx"))
    assert [entered(path)[0].card for path in (folder.onnx("int8"), stranger)] == [folder.card(), None]
    assert {item.preprocessing for item in listed(folder.onnx("int8"))} == {NAMED["0..255"]}
    assert {item.preprocessing for item in listed(stranger)} == {NAMED["0..1"]}


def test_one_file_enters_under_its_own_name_without_the_original_beside_it(folder: ModelFolder, tiny: Path) -> None:
    assert names(tiny) == ["onnx-tiny", "openvino-tiny", "ncnn-tiny", "mnn-tiny"]
    assert names(folder.onnx("int8")) == ["onnx-int8", "openvino-int8"]


def test_an_original_without_onnx_files_says_what_to_run(folder: ModelFolder) -> None:
    for path in folder.onnx_files():
        path.unlink()
    (entry,) = entered(folder.path)
    assert {item.runtime for item in entry.contenders} == {"tensorflow", "litert"}
    assert entry.missing == (
        f"{folder.path} has no ONNX file to compare with: run 'edgecnn export {folder.path} --quantize'",
    )


def test_an_empty_folder_holds_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"nothing to measure with .*: run 'edgecnn train' and 'edgecnn export' first"):
        entered(tmp_path)


def test_an_empty_folder_among_others_is_said_to_be_empty(tiny: Path, tmp_path: Path) -> None:
    full, empty = entered(tiny, tmp_path, runtimes=("onnxruntime",))
    assert (len(full.contenders), full.missing) == (1, ())
    assert (empty.contenders, empty.missing) == ((), (f"{tmp_path} has no file that onnxruntime can run",))


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere does not exist: check the path"):
        entered(tmp_path / "nowhere")


def test_a_damaged_card_is_named(folder: ModelFolder) -> None:
    folder.card_path.write_text(json.dumps({"name": "half a card"}))
    with pytest.raises(ModelError, match=r"card\.json is not a card of edgecnn"):
        entered(folder.path)


def test_an_original_given_by_itself_enters_without_its_folders_files(folder: ModelFolder) -> None:
    (entry,) = start_list([folder.keras], threads=1, batch=1, runtimes=["tensorflow", "onnxruntime"])
    assert [item.name for item in entry.contenders] == ["tf-predict", "tf-call", "tf-function", "tf-xla"]


def test_a_saved_model_given_by_itself_is_an_original(tmp_path: Path) -> None:
    saved = tmp_path / "digits.v2"
    saved.mkdir()
    (saved / "saved_model.pb").touch()
    (entry,) = start_list([saved], threads=1, batch=1, runtimes=["tensorflow"])
    assert [item.name for item in entry.contenders] == ["tf-function", "tf-xla"]


def test_a_folders_name_keeps_its_dots(folder: ModelFolder, tmp_path: Path) -> None:
    other = tmp_path / "edge.v2"
    shutil.copytree(folder.path, other)
    entries = start_list([folder.path, other], threads=1, batch=1, runtimes=["onnxruntime"])
    assert entries[1].contenders[0].name == "edge.v2/onnx-float32"


def test_int8_for_another_processor_is_measured_only_if_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ModelFolder(tmp_path)
    for name in ("model.onnx", "model.int8.onnx", "model.int8.arm64.onnx", "model.int8.x86-64.onnx"):
        (tmp_path / name).write_bytes(b"")
    for machine, own, other in (("aarch64", "arm64", "x86-64"), ("x86_64", "x86-64", "arm64")):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        assert names(folder.path, runtimes=("onnxruntime",)) == ["onnx-float32", "onnx-int8", f"onnx-int8-{own}"]
        assert names(folder.onnx(f"int8-{other}"), runtimes=("onnxruntime",)) == [f"onnx-int8-{other}"]


def test_a_tflite_file_is_run_as_it_is_in_both_of_litert_ways(tmp_path: Path) -> None:
    path = tmp_path / "theirs.tflite"
    path.touch()
    assert [(item.name, item.file) for item in listed(path)] == [
        ("litert-theirs", path),
        ("litert-theirs-compiled", path),
    ]
