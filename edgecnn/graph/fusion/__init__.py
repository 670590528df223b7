"""[onnx] Patterns that make one operator of several. Each returns whether it changed anything."""
