"""[matplotlib] Draws a training: its curves, its confusion, its errors, and what the layers see."""
