"""Programs that measure time: runtimes, quantization, start-up, and the bench itself."""
