"""Reads the address of a scheduler."""

from urllib.parse import SplitResult, urlsplit

from edgecnn.errors import UsageError

SCHEMES = ("tcp", "tls")


def parse(text: str) -> tuple[str, int]:
    """The host and the port of `tcp://HOST:PORT` or `tls://HOST:PORT`. Raises UsageError for anything else."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is not a number or too large, or half of an IPv6 address
        raise _not_an_address(text) from None
    if not (_is_bare(parts) and host and port) or host != host.strip() or any(map(str.isspace, text)):
        raise _not_an_address(text)
    return host, port


def _is_bare(parts: SplitResult) -> bool:
    beside = (parts.path, parts.query, parts.fragment, parts.username, parts.password)
    return parts.scheme in SCHEMES and not any(beside)


def _not_an_address(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is not the address of a scheduler: give one such as tcp://192.168.1.10:8786, or tls://…"
    )
