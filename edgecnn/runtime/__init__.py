"""Runs ONNX models: the classifier and its session, the model's input, session settings and file metadata."""
