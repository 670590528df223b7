"""Programs that test models with images unlike their training images."""
