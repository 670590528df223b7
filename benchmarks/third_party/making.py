"""Makes the file of a network and its right answers: a Keras model by TensorFlow, an ONNX file by the onnx package."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.third_party import data
from benchmarks.third_party.answers import Answers, probabilities
from benchmarks.third_party.network import Network
from benchmarks.third_party.pixels import fed
from edgecnn.files import atomic

DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


def make(network: Network) -> None:
    network.folder.mkdir(parents=True, exist_ok=True)
    if network.form != "onnx":
        from benchmarks.third_party import training

        training.make(network)
        return
    model = network.build(None)
    with atomic(network.file) as path:
        path.write_bytes(model.SerializeToString())
    if not network.refused:
        answers_of(network).save(network.folder)


def answers_of(network: Network) -> Answers:
    """The file's own answers, by onnxruntime alone, for pixels as its maker feeds them."""
    import onnxruntime

    session = onnxruntime.InferenceSession(network.file, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    shape = tuple(size if isinstance(size, int) and size > 0 else None for size in image.shape)
    names = [output.name for output in session.get_outputs() if "int64" not in output.type]
    images = data.loaded(network.data).test.images
    values = fed(images, network.pixels, network.layout, shape[1:]).astype(DTYPES[image.type])

    def answered(batch: NDArray[Any]) -> NDArray[np.floating]:
        size = shape[0] or len(batch)
        pieces = [np.resize(batch[at : at + size], (size, *batch.shape[1:])) for at in range(0, len(batch), size)]
        scores = np.concatenate([session.run(names, {image.name: piece})[0] for piece in pieces])[: len(batch)]
        return probabilities(scores.reshape(len(scores), -1).astype(np.float64), network.scores)

    return Answers.of(answered, values)
