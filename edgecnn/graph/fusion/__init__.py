"""[onnx] Patterns that merge several operators into one. Each returns whether it changed anything."""
