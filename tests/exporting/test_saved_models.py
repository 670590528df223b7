"""SavedModels as data: what computes is exported, what does more is refused before anything of it runs.

`payloads` has those with operators that write, read or run something.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_saved_models import SHAPE, saved, with_side_effect

from edgecnn.errors import ExportError, ModelError
from edgecnn.exporting import isolated
from edgecnn.exporting.isolated import open_isolated
from edgecnn.exporting.original import inspect
from edgecnn.training.backend import keras, tensorflow

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def tf() -> Any:
    return tensorflow("a test")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def works(path: Path) -> bool:
    model = open_isolated(path)
    return model.scores(np.zeros((2, *SHAPE), np.uint8), model.input).shape == (2, 10)


def test_the_saver_is_not_called_by_a_prediction(tf: Any, here: Path) -> None:
    """Its operators are in every SavedModel, so they are found only in what a prediction calls."""
    read = with_side_effect(
        tf,
        lambda: tf.raw_ops.RestoreV2(prefix="/etc/x", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])[
            0
        ],
    )
    folder = saved(tf, here / "restores", read)
    inspect(folder)
    with pytest.raises(ModelError, match="the operator RestoreV2"):
        open_isolated(folder)


def test_a_variable_that_changes_in_each_prediction_is_refused(tf: Any, here: Path) -> None:
    count = tf.Variable(1.0)
    folder = saved(tf, here / "counts", lambda image: image * count.assign_add(1.0), count=count)
    with pytest.raises(ModelError, match="changes a variable in each prediction"):
        open_isolated(folder)


def test_tables_and_files_beside_the_graph_are_refused(tf: Any, here: Path) -> None:
    (here / "words.txt").write_text("a 1\nb 2\n")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer("words.txt", tf.string, 0, tf.int64, 1, delimiter=" "), -1
    )
    asset = tf.saved_model.Asset("words.txt")
    constant = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant([1], tf.int64), tf.constant([2.0])), 0.0
    )
    for name, item in {"table": table, "asset": asset, "constant": constant}.items():
        with pytest.raises(ModelError, match="to be loaded, and a network needs none"):
            inspect(saved(tf, here / name, tf.identity, item=item))
    folder = saved(tf, here / "plain", tf.identity)
    inspect(folder)
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "words.txt").write_text("a")
    with pytest.raises(ModelError, match="a file beside the graph"):
        inspect(folder)


def test_links_and_pipes_in_the_folder_are_refused(tf: Any, here: Path) -> None:
    folder = saved(tf, here / "linked", tf.identity, weight=tf.Variable(1.0))
    index = folder / "variables" / "variables.index"
    inside = index.rename(folder / "index")
    index.symlink_to(inside)
    inspect(folder)
    index.unlink()
    inside.rename(here / "index")
    index.symlink_to(here / "index")
    with pytest.raises(ModelError, match="is a link that leads out"):
        inspect(folder)
    index.unlink()
    os.mkfifo(index)
    with pytest.raises(ModelError, match="is a device or a pipe"):
        inspect(folder)


def test_damaged_graphs_are_refused_quickly(tf: Any, here: Path) -> None:
    folder = saved(tf, here / "damaged", tf.identity)
    path = folder / "saved_model.pb"
    whole = path.read_bytes()
    for content in (b"", b"\x08", whole[:200], b"\xff" * 40, b"\x12\xff\xff\xff\xff\x0f"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="save the model again"):
            inspect(folder)
    path.unlink()
    with pytest.raises(ModelError, match="holds no saved_model"):
        inspect(folder)
    (folder / "saved_model.pbtxt").write_text("")
    with pytest.raises(ExportError, match="holds its graph as text"):
        inspect(folder)


def test_a_model_of_tensorflow_1_is_refused(tf: Any, here: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, [None, *SHAPE])
        answer = tf.nn.softmax(tf.reshape(image, [-1, 784])[:, :10])
        v1.saved_model.simple_save(session, str(here / "old"), {"image": image}, {"answer": answer})
    with pytest.raises(ModelError, match="was saved by TensorFlow 1"):
        inspect(here / "old")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process is at work, and has a few seconds for the next model."""
    monkeypatch.setattr(isolated, "SECONDS", {**isolated.SECONDS, "describe": 4})
    yield
    isolated._PROCESS.close()


@pytest.mark.long
def test_an_endless_loop_ends_with_its_process(
    tf: Any, here: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spin(image: Any) -> Any:
        steps = tf.while_loop(lambda step: step < 2.0, lambda step: [step * 0.5], [tf.reduce_sum(image) * 0])
        return image + steps[0]

    plain, endless = saved(tf, here / "plain", tf.identity), saved(tf, here / "endless", spin)
    with monkeypatch.context() as patient:
        patient.setattr(isolated, "SECONDS", {**isolated.SECONDS, "describe": 120})
        open_isolated(plain)
    with pytest.raises(ExportError, match="was not loaded and run within 4 seconds, and was stopped"):
        open_isolated(endless)
    monkeypatch.setattr(isolated, "SECONDS", {**isolated.SECONDS, "describe": 120})
    assert works(plain)  # in a new process


@pytest.mark.long
def test_too_much_memory_is_an_error_and_the_next_model_works(tf: Any, here: Path) -> None:
    def greedy(image: Any) -> Any:
        return image + tf.reduce_mean(tf.ones(tf.stack([100_000, 250_000, tf.shape(image)[3]])))

    greedy_model, plain = saved(tf, here / "greedy", greedy), saved(tf, here / "plain", tf.identity)
    with pytest.raises(ExportError, match="needs more memory than a model of this size"):
        open_isolated(greedy_model)
    assert works(plain)


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_networks_of_keras_are_models(layer: str, here: Path) -> None:
    layers = keras("a test").layers
    recurrent = layers.Bidirectional(getattr(layers, layer)(4))
    network = [layers.Input((28, 28)), layers.LayerNormalization(), recurrent, layers.Dropout(0.5)]
    model = keras("a test").Sequential([*network, layers.Dense(10, activation="softmax")])
    model.export("recurrent", verbose=False)
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    isolated_model = open_isolated(Path("recurrent"))
    expected = model(isolated_model.input.prepare(images), training=False)
    assert np.abs(isolated_model.scores(images, isolated_model.input) - expected).max() < 1e-5


def test_a_module_with_variables_and_one_signature_of_another_name(tf: Any, here: Path) -> None:
    module = tf.Module()
    module.weight = tf.Variable(np.random.default_rng(0).normal(0, 1, (784, 10)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE], tf.float32)])  # type: ignore[untyped-decorator]
    def call(image: Any) -> Any:
        return {"digits": tf.nn.softmax(tf.reshape(image, [-1, 784]) @ module.weight)}

    module.call = call
    tf.saved_model.save(module, "module", signatures={"predict": call})
    assert open_isolated(Path("module")).parameters == 7840
    assert works(Path("module"))
    tf.saved_model.save(module, "several", signatures={"predict": call, "other": call})
    with pytest.raises(ModelError, match="has 2 signatures, other or predict"):
        open_isolated(Path("several"))


def test_what_a_model_takes_is_told_with_a_cure(tf: Any, here: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([1, *SHAPE], tf.float32)])  # type: ignore[untyped-decorator]
    def one(image: Any) -> Any:
        return tf.nn.softmax(tf.reshape(image, [1, 784])[:, :10])

    module = tf.Module()
    module.call = one
    tf.saved_model.save(module, "fixed", signatures=one)
    with pytest.raises(ExportError, match="takes batches of 1 only"):
        open_isolated(Path("fixed"))
    tf.saved_model.save(tf.Module(), "none")
    with pytest.raises(ExportError, match="has no signature"):
        open_isolated(Path("none"))


def test_a_process_that_dies_is_replaced(tf: Any, here: Path) -> None:
    model = open_isolated(saved(tf, here / "plain", tf.identity))
    images = np.zeros((2, *SHAPE), np.uint8)
    child = isolated._PROCESS._child
    assert child is not None
    child.process.kill()
    child.process.wait()
    assert model.scores(images, model.input).shape == (2, 10)
