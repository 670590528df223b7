"""[TensorFlow] Runs the original model in each of the ways that users call it."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.runner import Infer, Runner

PURPOSE = "measuring the original model"


def import_modules(contender: Contender) -> None:
    from edgecnn.training.backend import keras, tensorflow

    threading = tensorflow(PURPOSE).config.threading
    threading.set_intra_op_parallelism_threads(contender.threads)
    threading.set_inter_op_parallelism_threads(contender.threads)
    keras(PURPOSE)
    import_module("edgecnn.exporting.original")


def open_contender(contender: Contender) -> Runner:
    from edgecnn.exporting import original as originals
    from edgecnn.training.backend import keras, tensorflow

    tf, layers = tensorflow(PURPOSE), keras(PURPOSE).layers
    original = originals.load(contender.file, contender.selection)

    def function(call: Callable[[Any], Any], signature: Any) -> Infer:
        xla = contender.variant == "xla"
        compiled = tf.function(call, input_signature=[signature], autograph=False, jit_compile=xla)
        return lambda batch: np.asarray(compiled(batch))

    def run(model: Any, call: Callable[[Any], Any], signature: Any) -> Infer:
        match contender.variant:
            case "predict":
                return lambda batch: model.predict(batch, batch_size=len(batch), verbose=0)
            case "call":
                return lambda batch: np.asarray(call(batch))
            case _:
                return function(call, signature)

    def empty() -> Infer:
        model = keras(PURPOSE).Sequential([layers.Input((1,), dtype="uint8"), layers.Identity()])
        return run(model, model if contender.variant == "call" else tf.identity, tf.TensorSpec((None, 1), tf.uint8))

    return Runner(
        original.input(contender.preprocessing).prepare, run(original.keras, original.call, original.signature), empty
    )
