"""The fixtures that the tests of the service share."""

from serve.serving import config, guarded, service

__all__ = ["config", "guarded", "service"]
