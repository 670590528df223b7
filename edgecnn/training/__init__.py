"""[TensorFlow] From a recipe and a data set to a trained model in its folder."""

from edgecnn.training.fit import Epoch, Progress, Run, Trained, train

__all__ = ["Epoch", "Progress", "Run", "Trained", "train"]
