"""Turns pictures into the pixels that a model takes."""
