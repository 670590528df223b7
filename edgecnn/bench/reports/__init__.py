"""Formats a run's figures, one format a module. Pure: nothing is measured or printed here."""
