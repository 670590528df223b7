"""[onnx] Reads and edits ONNX graphs. No other package does."""
