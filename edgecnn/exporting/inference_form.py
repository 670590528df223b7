"""[TensorFlow] Rebuilds a Keras model as it is deployed: in float32, for any batch size, without state."""

from collections.abc import Iterator
from typing import Any

HALF = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")
WHOLE = "float32"
SHAPES = ("batch_shape", "batch_input_shape")  # entries whose first number is the batch size


def inference_form(model: Any) -> Any:
    """The model itself if it is in this form, otherwise a new one with its weights.

    A model of mixed precision stores float32 weights and computes with fewer bits: ONNX's CPU runtimes do not. Raises
    what Keras raises for a model that cannot be rebuilt.
    """
    config = model.get_config()
    changed = _changed(config)
    if changed == config:
        return model
    rebuilt = type(model).from_config(changed)
    for new, old in zip(_with_weights(rebuilt), _with_weights(model), strict=True):
        stored: dict[str, Any] = {}
        old.save_own_variables(stored)
        new.load_own_variables(stored)  # unlike set_weights, this completes an adapted Normalization too
    return rebuilt


def _changed(value: Any, key: str = "") -> Any:
    """A part of a configuration, the entry `key` of another, as it should be."""
    if isinstance(value, dict):
        return {name: _changed(part, name) for name, part in value.items()}
    if isinstance(value, list | tuple):
        whole = type(value)(_changed(part) for part in value)
        return type(value)((None, *whole[1:])) if key in SHAPES and whole else whole
    if key == "stateful":
        return False
    return WHOLE if key in ("dtype", "name") and value in HALF else value


def _with_weights(model: Any) -> Iterator[Any]:
    """The layers that hold weights and no other layers, in order."""
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if layer.weights and not list(layer._flatten_layers(include_self=False)):
            yield layer
