"""[matplotlib] Draws a trained network: training curves, confusion matrix, wrong answers and feature maps."""
