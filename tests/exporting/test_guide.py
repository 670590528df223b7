"""The commands of docs/your-own-model.md, run on models of the kind that each stands beside."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from edgecnn.cli import app
from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier
from edgecnn.training.backend import keras, tensorflow

pytestmark = [pytest.mark.long, pytest.mark.tensorflow]
GUIDE = Path(__file__).parents[2] / "docs" / "your-own-model.md"
COMMANDS = re.findall(r"`edgecnn (export .*?)` \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)


def fitted(dataset: Dataset) -> NDArray[np.float32]:
    """Weights of a linear classifier, as good as one can be, of pixels from 0 to 1."""
    pixels = dataset.train.images[:3000].reshape(3000, -1) / 255
    targets = np.eye(10)[dataset.train.labels[:3000]]
    return (np.linalg.solve(pixels.T @ pixels + 10 * np.eye(784), pixels.T @ targets) * 10).astype(np.float32)


@pytest.fixture(scope="module")
def place(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the commands name."""
    folder, layers = tmp_path_factory.mktemp("guide"), keras("a test").layers
    train, test = mnist.train, mnist.test
    x, y = train.images[:9000], train.labels[:9000]
    np.savez(folder / "images.npz", x_train=x, y_train=y, x_test=test.images[:100], y_test=test.labels[:100])
    weights, model = fitted(mnist), keras("a test").Model
    image = layers.Input((28, 28, 1))
    digit = layers.Dense(10, activation="softmax", use_bias=False, name="digit")
    features = layers.Flatten()(image)
    mine = model(image, digit(features))
    digit.set_weights([weights])
    mine.save(folder / "mine.keras")
    model(image, {"digit": digit(features), "odd": layers.Dense(1)(features)}).save(folder / "two.keras")
    free = layers.Input((None, None, 1))
    cells = layers.Reshape((784,))(layers.Resizing(28, 28)(free))
    model(free, digit(cells)).save(folder / "free.keras")
    save_signatures(folder / "saved", mine)
    odd.save(odd.linear((3, 8, 8), "float32", classes=4), folder / "color.onnx")
    return folder


def save_signatures(folder: Path, mine: Any) -> None:
    tf = tensorflow("a test")
    module = tf.Module()
    module.weight = tf.Variable(mine.layers[-1].get_weights()[0])

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1], tf.float32)])  # type: ignore[untyped-decorator]
    def digits(image: Any) -> Any:
        return {"digits": tf.nn.softmax(tf.reshape(image, [-1, 784]) @ module.weight)}

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1], tf.float32)])  # type: ignore[untyped-decorator]
    def features(image: Any) -> Any:
        return {"features": tf.reshape(image, [-1, 784])}

    tf.saved_model.save(module, str(folder), signatures={"digits": digits, "features": features})


def test_the_guide_has_commands() -> None:
    assert len(COMMANDS) > 7


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_guide_writes_a_described_file(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    out = place / "out" / str(COMMANDS.index(command))
    done = CliRunner().invoke(app, [*shlex.split(command), "--out", str(out)])
    assert done.exit_code == 0, done.output
    told = Classifier(out / "model.onnx")
    assert not told.is_foreign
    assert told.known_by == "the file"
    assert onnx.load(out / "model.onnx").graph.output[0].name == "probabilities"
    asked = re.search(r"--preprocess[= ](\S+)", command)
    assert told.input.preprocessing.name == (asked.group(1) if asked else "0..1")
