"""One adapter per runtime: it imports the runtime, limits its threads, loads a file and runs a batch."""
