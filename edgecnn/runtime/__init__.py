"""Runs ONNX models: the classifier and its session, what a model takes, how it is run, and what its file says."""
