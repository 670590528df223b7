"""[onnx] Patterns that take out what a runtime would compute for nothing. Each returns whether it changed anything."""
