"""Converts TensorFlow models to ONNX, and verifies that the files give the same answers."""
