"""Chooses a smaller precision by trial: candidates are built, scored and timed, and one is kept, or float32 is."""
