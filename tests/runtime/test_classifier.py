"""Classifier on the checked-in model, and on models and images that it has to refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
import onnxruntime
import pytest
from make_tiny import make
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgecnn.batches import ACTIVATIONS, RUN_BYTES, RUN_IMAGES
from edgecnn.data import Dataset
from edgecnn.errors import InputError, ModelError
from edgecnn.host import machine
from edgecnn.runtime.classifier import Classifier, Prediction
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.runtime.settings import Settings, with_settings

Images = NDArray[np.uint8]


@pytest.fixture(scope="module")
def classifier(tiny: Path) -> Classifier:
    return Classifier(tiny)


@pytest.fixture
def images(mnist: Dataset) -> Images:
    return mnist.test.images[:5]


def opened(model: Any, folder: Path) -> Classifier:
    return Classifier(odd.save(model, folder / "odd.onnx"))


def test_the_checked_in_model_is_what_its_generator_makes(
    tiny: Path, classifier: Classifier, mnist: Dataset, tmp_path: Path
) -> None:
    stored, made = onnx.load(tiny), make(mnist)
    assert [node.op_type for node in stored.graph.node] == [node.op_type for node in made.graph.node]
    for old, new in zip(stored.graph.initializer, made.graph.initializer, strict=True):
        np.testing.assert_allclose(numpy_helper.to_array(old), numpy_helper.to_array(new), atol=1e-3, err_msg=old.name)
    again = opened(made, tmp_path)
    assert again.metadata == classifier.metadata
    pictures = mnist.test.images[:200]
    np.testing.assert_allclose(again.predict(pictures), classifier.predict(pictures), atol=1e-3)


def test_predict_returns_a_float32_row_of_probabilities_for_each_image(classifier: Classifier, images: Images) -> None:
    probabilities = classifier.predict(images)
    assert probabilities.shape == (5, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_tiny_model_classifies_and_its_metadata_says_how_well(classifier: Classifier, mnist: Dataset) -> None:
    right = int((classifier.predict(mnist.test.images).argmax(axis=1) == mnist.test.labels).sum())
    claimed = classifier.metadata.accuracy
    assert claimed is not None
    assert right > 8000
    assert abs(right - claimed.correct) <= 3  # another CPU may round one image over the edge
    assert claimed.images == 10_000


def test_many_images_are_predicted_as_one_at_a_time(classifier: Classifier, mnist: Dataset) -> None:
    several = mnist.test.images[: RUN_IMAGES + 3]
    one_by_one = np.concatenate([classifier.predict(several[at : at + 1]) for at in range(len(several))])
    np.testing.assert_allclose(classifier.predict(several), one_by_one, atol=1e-6)


def recorded(run: Callable[[Images], Any], taken: list[Images]) -> Callable[[Images], Any]:
    def watched(batch: Images) -> Any:
        taken.append(batch)
        return run(batch)

    return watched


def test_what_a_run_takes_goes_by_the_size_of_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the conversion of pixels: 1,000 photographs of 224×224 take 600 MB as float32."""
    for side, most in ((28, RUN_IMAGES), (100, 5), (1000, 1)):
        model = opened(odd.linear((side, side, 3), "float32"), tmp_path)
        taken: list[Images] = []
        monkeypatch.setattr(model, "run", recorded(model.run, taken))
        assert len(model.predict(np.zeros((most + 3, side, side, 3), np.uint8))) == most + 3
        assert max(map(len, taken)) <= most
        assert max(batch.nbytes for batch in taken) <= max(RUN_BYTES / ACTIVATIONS, taken[0][:1].nbytes)


def test_no_image_gives_no_row(classifier: Classifier, images: Images) -> None:
    assert classifier.predict(images[:0]).shape == (0, 10)
    assert classifier.classify(images[:0], top=3) == []


def test_classify_returns_the_likeliest_labels_first(classifier: Classifier, images: Images) -> None:
    for best, row in zip(classifier.classify(images, top=3), classifier.predict(images), strict=True):
        assert [guess.probability for guess in best] == sorted(row.tolist(), reverse=True)[:3]
        assert best[0].label == str(row.argmax())


def test_classify_returns_one_label_unless_told_otherwise(classifier: Classifier, images: Images) -> None:
    assert [len(best) for best in classifier.classify(images)] == [1] * 5


def test_equally_likely_labels_come_in_their_own_order(tmp_path: Path, images: Images) -> None:
    model = odd.linear(classes=3, metadata={"labels": '["a", "b", "c"]'})
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros((784, 3), np.float32), "weight"))
    third = float(np.float32(1 / 3))
    assert opened(model, tmp_path).classify(images[:1], top=5) == [[Prediction(name, third) for name in "abc"]]


@pytest.mark.parametrize(
    ("recorded", "labels"),
    [({"labels": '["null", "één", "2"]'}, ("null", "één", "2")), ({"labels": "[7, 8, 9]"}, ("7", "8", "9"))],
)
def test_labels_come_from_the_file(recorded: dict[str, str], labels: tuple[str, ...], tmp_path: Path) -> None:
    assert opened(odd.linear(classes=3, metadata=recorded), tmp_path).labels == labels


def test_a_file_without_labels_gets_the_classes_numbers(tmp_path: Path) -> None:
    assert opened(odd.linear(classes=3), tmp_path).labels == ("0", "1", "2")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_has_the_threads_asked_for_and_does_not_spin(tiny: Path, threads: int) -> None:
    options = Classifier(tiny, threads=threads)._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


# How a session runs.

VERSION = onnxruntime.__version__


def test_settings_are_those_of_the_session(tiny: Path) -> None:
    for settings in (Settings(), Settings(threads=2, spinning=True), Settings(threads=2, arena=False)):
        classifier = Classifier(tiny, settings=settings)
        options = classifier._session.get_session_options()
        assert classifier.settings == settings
        assert (options.intra_op_num_threads, options.enable_cpu_mem_arena) == (settings.threads, settings.arena)
        # They spin while a run lasts, and no longer.
        for key in ("session.intra_op.allow_spinning", "session.force_spinning_stop"):
            assert options.get_session_config_entry(key) == str(int(settings.spinning))


def test_threads_are_short_for_settings(tiny: Path) -> None:
    assert Classifier(tiny, threads=2).settings == Settings(threads=2)
    with pytest.raises(TypeError, match="threads or settings, not both"):
        Classifier(tiny, threads=2, settings=Settings())


@pytest.mark.parametrize(
    ("fingerprint", "version", "used"),
    [
        (machine.fingerprint(), VERSION, Settings(arena=False)),
        ("0" * 16, VERSION, Settings()),
        (machine.fingerprint(), "1.0", Settings()),
    ],
)
def test_a_files_settings_are_used_on_the_host_and_version_they_are_for(
    fingerprint: str, version: str, used: Settings, tmp_path: Path
) -> None:
    metadata = ModelMetadata(settings=with_settings({}, fingerprint, version, Settings(arena=False))).entries()
    path = odd.save(odd.linear(metadata=metadata), tmp_path / "odd.onnx")
    assert Classifier(path).settings == used
    assert Classifier(path, threads=2).settings == Settings(threads=2)
    assert Classifier(path, settings=Settings()).settings == Settings()


def test_a_file_without_settings_gets_the_defaults_without_a_look_at_the_host(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(machine, "fingerprint")
    assert Classifier(tiny).settings == Settings()


# What images are taken.


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (28, 28, 1), (None, None), (None, None, 1), (1, "h", "w")])
def test_a_model_with_one_channel_takes_images_with_or_without_it(
    shape: tuple[odd.Size, ...], tmp_path: Path, images: Images
) -> None:
    model = opened(odd.linear(shape), tmp_path)
    expected = model.predict(images.reshape(5, *(1 if size == 1 else 28 for size in shape)))
    for form in ((5, 28, 28), (5, 1, 28, 28), (5, 28, 28, 1)):
        np.testing.assert_array_equal(model.predict(images.reshape(form)), expected)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_float_model_sees_the_pixels_scaled_as_its_file_says(dtype: str, tmp_path: Path, images: Images) -> None:
    as_bytes = opened(odd.linear(), tmp_path).predict(images)
    scaled = opened(odd.linear(dtype=dtype, metadata={"input_scale": "1.0"}), tmp_path)
    np.testing.assert_allclose(scaled.predict(images), as_bytes, atol=1e-3)
    assert str(scaled.input) == f"{dtype} [batch, 28, 28], 0 to 255"


def test_a_float_model_that_does_not_say_sees_pixels_from_0_to_1(tmp_path: Path, images: Images) -> None:
    model = opened(odd.linear(dtype="float32"), tmp_path)
    np.testing.assert_allclose(model.predict(images), model.predict(images.astype(np.float32) / 255), atol=1e-6)
    assert str(model.input) == "float32 [batch, 28, 28], 0 to 1"


@pytest.mark.parametrize(
    ("make_input", "fault"),
    [
        (lambda images: images.astype(np.float32), r"got float32: convert with .*uint8"),
        (lambda images: images.astype(np.int64), r"got int64: convert"),
        (lambda images: images[:, :27], r"got shape \[5, 27, 28\]$"),
        (lambda images: images.reshape(5, 784), r"got shape \[5, 784\]$"),
        (lambda images: images[0], r"got shape \[28, 28\]; a single image needs a batch dimension: image\[None\]"),
        (lambda images: images[0, :, :, None], r"a single image needs a batch dimension: image\[None\]"),
        (lambda images: np.stack([images] * 3, axis=-1), r"got shape \[5, 28, 28, 3\]$"),
        (lambda images: images[0, 0, 0], r"got uint8"),
        (lambda _: np.array(7, np.uint8), r"got shape \[\]$"),
        (
            lambda images: images.tolist(),
            r"expected a numpy array, uint8 \[batch, 28, 28\], 0 to 255; got list: convert with",
        ),
    ],
)
def test_other_images_are_refused_with_what_was_expected(
    classifier: Classifier, images: Images, make_input: Callable[[Images], Any], fault: str
) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        classifier.predict(make_input(images))
    assert "uint8 [batch, 28, 28], 0 to 255" in str(caught.value)


@pytest.mark.parametrize(
    ("number", "fault"),
    [(-0.5, "from -0.5 to 1"), (1.5, "from 0 to 1.5"), (np.nan, "NaN or infinite"), (np.inf, "NaN or infinite")],
)
def test_a_float_model_refuses_values_out_of_range(number: float, fault: str, tmp_path: Path) -> None:
    images = np.zeros((2, 28, 28), np.float32)
    images[0, 0, 0], images[1, 3, 4] = 1, number
    with pytest.raises(InputError, match=fault):
        opened(odd.linear(dtype="float32"), tmp_path).predict(images)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_model_of_a_fixed_batch_takes_any_number_of_images(batch: int, tmp_path: Path, images: Images) -> None:
    fixed, free = opened(odd.linear(batch=batch), tmp_path), opened(odd.linear(), tmp_path)
    np.testing.assert_allclose(fixed.predict(images), free.predict(images), atol=1e-6)


def test_a_model_that_fails_on_a_batch_is_named(tmp_path: Path, images: Images) -> None:
    model = odd.linear()
    model.graph.node[1].op_type = "Reshape"  # to a constant 1×784, as exporters write it that saw one image
    model.graph.node[1].input.append("shape")
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 784]), "shape"))
    with pytest.raises(ModelError, match=r"odd\.onnx cannot run a batch of \[5, 28, 28\]: "):
        opened(model, tmp_path).predict(images)


# What files are opened.


@pytest.mark.parametrize(
    "content",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-7],
        lambda _: b"this is no model",
        lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100),
        lambda _: b"",
    ],
)
def test_a_truncated_file_or_another_kind_of_file_is_refused(
    content: Callable[[bytes], bytes], tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content(tiny.read_bytes()))
    with pytest.raises(
        ModelError, match=r"bad\.onnx cannot be opened.*: it is truncated or not an ONNX file.*; copy or export"
    ):
        Classifier(path)


@pytest.mark.parametrize("name", ["missing.onnx", "missing"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"{name} does not exist"):
        Classifier(tmp_path / name)


def test_a_folder_without_a_model_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no model\.onnx: run 'edgecnn export"):
        Classifier(tmp_path)


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (odd.linear(dtype="string"), "takes tensor.string. .* an image classifier takes images"),
        (odd.linear(dtype="int64"), "takes tensor.int64. .* an image classifier takes images"),
        (odd.linear(shape=()), "an image classifier takes images"),
        (
            odd.linear(opset=99),
            r"it has opset 99, .*; install a newer onnxruntime, a release after [\d.]+, or export it with a lower",
        ),
        (
            odd.linear(ir_version=99),
            r"it has IR version 99, .*; install a newer onnxruntime, a release after [\d.]+, or",
        ),
        (odd.linear(metadata={"labels": '["a", "b"]'}), "has 2 labels for 10 classes: export it again"),
        (odd.linear(metadata={"edgecnn.labels": "cat, dog"}), "has a damaged entry edgecnn.labels: export it again"),
        (odd.linear(metadata={"edgecnn.labels": '"0123456789"'}), "has a damaged entry edgecnn.labels"),
        (odd.linear(metadata={"edgecnn.labels": "10"}), "has a damaged entry edgecnn.labels"),
        (odd.linear(metadata={"edgecnn.labels": "null"}), "has a damaged entry edgecnn.labels"),
        (odd.linear(dtype="float32", metadata={"edgecnn.input_scale": "bright"}), "damaged entry edgecnn.input_scale"),
    ],
)
def test_a_model_of_another_form_is_refused(model: Any, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"odd\.onnx .*{fault}") as caught:
        opened(model, tmp_path)
    assert "ONNXRuntimeError" not in str(caught.value)
    assert "onnxruntime_src" not in str(caught.value)


def test_a_model_with_two_inputs_is_refused(tmp_path: Path) -> None:
    two = [odd.value(name, "float32", ["batch", 4]) for name in ("left", "right")]
    model = odd.model_of(
        [helper.make_node("Add", ["left", "right"], ["sum"])], two, [odd.value("sum", "float32", ["batch", 4])], {}
    )
    with pytest.raises(ModelError, match="has 2 inputs: an image classifier has one;"):
        opened(model, tmp_path)


@pytest.mark.parametrize(
    ("operators", "shape"),
    [
        ([("Sqrt", "cast", {})], ["batch", 28, 28]),
        ([("ReduceMax", "logits", {"axes": [1], "keepdims": 0})], ["batch"]),
        ([("NonZero", "logits", {}), ("Cast", "NonZero", {"to": onnx.TensorProto.FLOAT})], ["batch", "found"]),
    ],
)
def test_a_model_that_returns_no_row_of_classes_is_refused(
    operators: list[tuple[str, str, dict[str, Any]]], shape: list[odd.Size], tmp_path: Path
) -> None:
    model = odd.linear()
    del model.graph.node[-1]
    model.graph.node.extend(helper.make_node(op, [source], [op], **values) for op, source, values in operators)
    model.graph.output[0].CopyFrom(odd.value(operators[-1][0], "float32", shape))
    with pytest.raises(ModelError, match=r"an image classifier returns \[batch, classes\]"):
        opened(model, tmp_path)


# What a model answers, and what onnxruntime prints.


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_answers_that_are_not_numbers_are_an_error(number: float, tmp_path: Path, images: Images) -> None:
    broken = opened(odd.filled(odd.linear(), number), tmp_path)
    for ask in (broken.predict, broken.classify):
        with pytest.raises(ModelError, match=r"odd\.onnx answers with NaN or infinite numbers"):
            ask(images)


def test_one_bad_answer_among_many_is_an_error(tmp_path: Path, mnist: Dataset) -> None:
    """The logarithm of a blank image's sum is not finite."""
    model = odd.linear()
    del model.graph.node[-2:]
    model.graph.node.extend(
        [
            helper.make_node("ReduceSum", ["pixels", "axis"], ["sum"]),
            helper.make_node("Log", ["sum"], ["log"]),
            helper.make_node("Mul", ["log", "ones"], ["probabilities"]),
        ]
    )
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.array([1]), "axis"), numpy_helper.from_array(np.ones(10, np.float32), "ones")]
    )
    pictures = mnist.test.images[: RUN_IMAGES + 5].copy()
    classifier = opened(model, tmp_path)
    assert len(classifier.predict(pictures)) == len(pictures)
    pictures[-1] = 0
    with pytest.raises(ModelError, match="NaN or infinite"):
        classifier.predict(pictures)


def test_answers_of_another_shape_than_declared_are_an_error(tmp_path: Path, images: Images) -> None:
    model = odd.linear()
    model.graph.node.append(helper.make_node("Compress", ["probabilities", "kept"], ["some"], axis=1))
    model.graph.initializer.append(numpy_helper.from_array(np.arange(10) < 7, "kept"))
    model.graph.output[0].CopyFrom(odd.value("some", "float32", ["batch", 10]))
    with pytest.raises(ModelError, match=r"odd\.onnx answers \[5, 7\] for 5 images"):
        opened(model, tmp_path).predict(images)


def test_a_model_that_takes_more_memory_than_there_is_says_so(tmp_path: Path, images: Images) -> None:
    model = odd.linear()
    model.graph.initializer.append(numpy_helper.from_array(np.array([2**44]), "size"))
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Add", ["probabilities", "zero"], ["same"]),
        ]
    )
    model.graph.output[0].CopyFrom(odd.value("same", "float32", ["batch", 10]))
    with pytest.raises(ModelError, match=r"odd\.onnx cannot .* it takes more memory than there is"):
        opened(model, tmp_path).predict(images)


@pytest.mark.parametrize("failing", [odd.linear(opset=99), odd.linear(ir_version=99), odd.linear(batch=4)])
def test_onnxruntime_prints_nothing(failing: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    failing.graph.node[1].op_type = "Unheard"
    with pytest.raises(ModelError):
        opened(failing, tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("shape", "batch"),
    [((10**6, 10**6), "batch"), ((28, 28), 10**9), ((2**40, 28), "batch"), ((0, 28), "batch"), ((28, 28), 0)],
)
def test_an_input_of_an_absurd_size_is_refused(shape: tuple[int, ...], batch: odd.Size, tmp_path: Path) -> None:
    model = odd.linear()
    model.graph.input[0].CopyFrom(odd.value("image", "uint8", [batch, *shape]))
    with pytest.raises(ModelError, match=r"odd\.onnx"):
        opened(model, tmp_path)


@pytest.mark.parametrize("classes", [0, -3, 2**31, 2**62])
def test_a_number_of_classes_that_no_memory_holds_is_refused(classes: int, tmp_path: Path) -> None:
    model = odd.linear()
    del model.graph.node[-1]
    model.graph.node.append(helper.make_node("Reshape", ["logits", "form"], ["probabilities"]))
    model.graph.input.append(odd.value("form", "int64", [2]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, 10]), "form"))
    model.graph.output[0].CopyFrom(odd.value("probabilities", "float32", ["batch", classes]))
    with pytest.raises(ModelError, match=r"odd\.onnx"):
        opened(model, tmp_path)


def test_a_model_without_outputs_is_refused(tmp_path: Path) -> None:
    model = odd.linear()
    del model.graph.output[:]
    with pytest.raises(ModelError, match="has no output"):
        opened(model, tmp_path)
