"""The one file that a model travels as: what it holds, writing it, and reading it within bounds."""
