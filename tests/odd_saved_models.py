"""[TensorFlow] Builds SavedModels that compute, and those that do more than that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (28, 28, 1)


def saved(tf: Any, folder: Path, more: Callable[[Any], Any], **attributes: Any) -> Path:
    """A SavedModel whose answer is a softmax of the first ten pixels, after `more` was done with the batch."""
    module = tf.Module()
    for name, value in attributes.items():
        setattr(module, name, value)

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE], tf.float32)])  # type: ignore[untyped-decorator]
    def call(image: Any) -> Any:
        return tf.nn.softmax(tf.reshape(more(image), [-1, 784])[:, :10])

    module.call = call
    tf.saved_model.save(module, str(folder), signatures=call)
    return folder


def with_side_effect(tf: Any, effect: Callable[[], Any]) -> Callable[[Any], Any]:
    def more(image: Any) -> Any:
        with tf.control_dependencies([effect()]):
            return tf.identity(image)

    return more


def effects(tf: Any, mark: Path, secret: str = "/etc/hostname") -> dict[str, Callable[[], Any]]:
    """What an operator does, by the operator's name: it writes `mark`, reads `secret`, runs Python …"""
    name = str(mark)
    image = tf.constant([[[0]]], tf.uint8)
    return {
        "WriteFile": lambda: tf.io.write_file(name, "run"),
        "ReadFile": lambda: tf.io.read_file(secret),
        "MatchingFiles": lambda: tf.io.matching_files(f"{secret}*"),
        "PrintV2": lambda: tf.print("run", output_stream=f"file://{name}"),
        "Print": lambda: tf.compat.v1.Print(tf.constant(1), [tf.constant(1)]),
        "EagerPyFunc": lambda: tf.py_function(lambda: mark.write_text("run"), [], tf.int32),
        "PyFunc": lambda: tf.numpy_function(lambda: np.int32(mark.write_text("run")), [], tf.int32),
        "SaveV2": lambda: tf.raw_ops.SaveV2(prefix=name, tensor_names=["a"], shape_and_slices=[""], tensors=[[1.0]]),
        "RestoreV2": lambda: tf.raw_ops.RestoreV2(
            prefix=name, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0],
        "ImmutableConst": lambda: tf.raw_ops.ImmutableConst(dtype=tf.uint8, shape=[4], memory_region_name=secret),
        "TextLineReaderV2": tf.raw_ops.TextLineReaderV2,
        "EncodePng": lambda: tf.io.encode_png(image),
        "Timestamp": tf.timestamp,
    }


def hidden(tf: Any, effect: Callable[[], Any], folder: Path) -> dict[str, Path]:
    """SavedModels that do it in a branch, in a loop's body, and in a function that no signature calls."""

    def branch(image: Any) -> Any:
        return tf.cond(tf.reduce_sum(image) > 1e9, lambda: with_side_effect(tf, effect)(image), lambda: image)

    def loop(image: Any) -> Any:
        def body(step: Any) -> list[Any]:
            with tf.control_dependencies([effect()]):
                return [step + 1]

        steps = tf.while_loop(lambda step: step < 2, body, [tf.constant(0)])
        return image + 0 * tf.cast(steps[0], tf.float32)

    @tf.function(input_signature=[])  # type: ignore[untyped-decorator]
    def unused() -> Any:
        with tf.control_dependencies([effect()]):
            return tf.constant(0)

    return {
        "branch": saved(tf, folder / "branch", branch),
        "loop": saved(tf, folder / "loop", loop),
        "unused": saved(tf, folder / "unused", tf.identity, other=unused),
    }
