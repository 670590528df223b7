"""The page to draw digits on: its files, and the folder or the one file in which it needs no server."""
