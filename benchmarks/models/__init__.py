"""Programs about trainings: the shipped models, the reference recipes, and what each choice is worth."""
