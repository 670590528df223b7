"""What the programs share: where things lie, committed results, Markdown tables."""
