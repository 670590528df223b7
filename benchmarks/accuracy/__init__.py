"""Programs about what models answer to images that they were not trained with."""
