"""Client of a health statistics server: ``Client`` for Python, ``health-statistics`` for the shell."""

from health_statistics.client import Client
from health_statistics.errors import (
    ClientError,
    JobFailedError,
    JobTimeoutError,
    ProtocolError,
    ResponseError,
    UnreachableError,
    UsageError,
)

__all__ = [
    "Client",
    "ClientError",
    "JobFailedError",
    "JobTimeoutError",
    "ProtocolError",
    "ResponseError",
    "UnreachableError",
    "UsageError",
]
__version__ = "0.1.0"
