"""Reads any number of pictures: by several processes, into a CSV file that an interrupted command continues."""
