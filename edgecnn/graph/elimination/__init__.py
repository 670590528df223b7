"""[onnx] Patterns that remove needless computation from a graph. Each returns whether it changed anything."""
