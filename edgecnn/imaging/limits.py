"""What a picture file may take of memory and time. Every limit is checked before the memory is taken."""

# Measured by `python -m benchmarks hostile-files`: a process that reads any picture stays below 400 MB.
MOST_PIXELS = 60_000_000  # photographs of today's telephones have 50 megapixels
MOST_SIDE = 65_535  # of width and height, as in JPEG
MOST_BYTES = 100_000_000  # of a file
MOST_MEMORY = 256_000_000  # bytes, while a picture is decoded
MOST_METADATA = 16_000_000  # bytes of a file that are not pixels, such as color profiles and previews
MOST_PARTS = 100_000  # segments, chunks, blocks or numbers in a file's metadata
MOST_SCANS = 100  # of a progressive JPEG: each is a pass over all pixels; common files have 10
# A picture with more pixels is reduced while it is decoded: no model takes as many.
KEPT_PIXELS = 4_000_000


class Refusal(ValueError):  # noqa: N818 (it becomes an ImageError with the name of the file)
    """Why a picture is not read, and what to do about it; the name of its file is still to be put in front."""


def require(held: bool, reason: str) -> None:
    """Raise Refusal with that reason unless the condition holds."""
    if not held:
        raise Refusal(reason)


def require_metadata(size: int, parts: int) -> None:
    """Raise Refusal if a file has too many bytes, or too many pieces, that are not pixels."""
    require(
        size <= MOST_METADATA and parts <= MOST_PARTS,
        "has too much beside its pixels: save it again without metadata",
    )


def require_size(width: int, height: int) -> None:
    """Raise Refusal if a picture has too many pixels."""
    require(
        width * height <= MOST_PIXELS and max(width, height) <= MOST_SIDE,
        f"has {width}×{height} pixels, more than {MOST_PIXELS:,}, or {MOST_SIDE:,} on a side: make it smaller first",
    )
