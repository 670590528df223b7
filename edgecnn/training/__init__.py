"""[TensorFlow] Trains the network of a recipe on a data set, and writes the model folder."""
