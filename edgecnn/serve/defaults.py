"""What `edgecnn serve` does unless it is told otherwise: for the help of the command line, which must start soon."""

HOST, PORT = "127.0.0.1", 8000
MAX_BODY = 10 * 2**20  # bytes: a telephone's photograph has 2 to 6 MB
TIMEOUT, QUEUE = 30.0, 64  # seconds; requests
