"""One adapter a runtime: how it is imported and limited, loads a file, and answers a batch."""
