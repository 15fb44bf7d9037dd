"""The client of any health statistics server: for Python ``Client``, for a shell ``python -m app.client``."""

from app.client.client import Client
from app.client.errors import (
    AnswerError,
    BrokenAnswerError,
    ClientError,
    JobFailedError,
    NotDoneError,
    UnreachableError,
    UsageError,
)

__all__ = [
    "AnswerError",
    "BrokenAnswerError",
    "Client",
    "ClientError",
    "JobFailedError",
    "NotDoneError",
    "UnreachableError",
    "UsageError",
]
