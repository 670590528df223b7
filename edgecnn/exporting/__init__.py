"""From a TensorFlow model to ONNX files that are proved to do the same."""

from edgecnn.exporting.stage import Exported, Quantized, export, quantize_folder

__all__ = ["Exported", "Quantized", "export", "quantize_folder"]
