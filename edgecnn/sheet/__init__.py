"""Sheets of paper for one's own digits: draws them, and turns photographs of filled ones into a data set."""
