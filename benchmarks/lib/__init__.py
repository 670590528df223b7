"""Code that the programs share: paths, committed results, Markdown tables."""
