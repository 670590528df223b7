"""The end of a bundle: a comment of the archive with the hash of every byte before it, so that no change stays unseen.

The hashes of the manifest cover the files' contents. The seal also covers the names, dates and sizes around them.
"""

PREFIX = b"edgecnn bundle, SHA-256 "
SEAL_BYTES = len(PREFIX) + 64


def seal(digest: str) -> bytes:
    return PREFIX + digest.encode()
