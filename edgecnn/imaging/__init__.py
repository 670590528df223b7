"""Any picture → what a model wants to see."""
