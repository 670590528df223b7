"""Programs that train: the shipped models, the reference recipes, and the effect of each choice."""
