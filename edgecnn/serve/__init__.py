"""The HTTP service: pictures and tensors in, labels and probabilities out."""
