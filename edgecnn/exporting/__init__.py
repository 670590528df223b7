"""From a TensorFlow model to ONNX files that are proved to do the same."""
