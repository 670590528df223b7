"""Measures contenders side by side and says what may be concluded."""
