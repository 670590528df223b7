"""[TensorFlow] Whether a Keras model was ever trained."""

from typing import Any

import numpy as np

# What begins as zeros, or as ones where an LSTM does not forget. Each step of a training changes every one of them.
MOVED_BY_TRAINING = ("bias", "beta")


def is_trained(model: Any) -> bool:
    """False if all biases are as Keras initializes them, which no training leaves. True if there are none."""
    biases = [variable for variable in model.weights if variable.name in MOVED_BY_TRAINING]
    return not biases or any(not np.isin(bias, (0.0, 1.0)).all() for bias in biases)
