"""What can go wrong for a client: one tree of errors, each with the exit code that the command line ends with."""

from typing import ClassVar


class ClientError(Exception):
    """A failure that the user is told of in one clear text: what is wrong and how to put it right."""

    exit_code: ClassVar[int] = 1


class AnswerError(ClientError):
    """The server answered with an error.

    Parameters
    ----------
    reason: what the server says is wrong
    status: the HTTP status of the answer
    request: the method and the path that were answered so
    """

    def __init__(self, reason: str, status: int, request: str) -> None:
        super().__init__(f"{reason} (status {status} of {request})")
        self.reason = reason
        self.status = status


class JobFailedError(ClientError):
    """The server accepted the job, and the job failed."""


class UsageError(ClientError):
    """What was asked for makes no sense, so nothing was sent."""

    exit_code = 2


class UnreachableError(ClientError):
    """No server answers at the address."""

    exit_code = 3


class BrokenAnswerError(ClientError):
    """Something answers, but not as this kind of server does."""

    exit_code = 4


class NotDoneError(ClientError):
    """The job is accepted, and has not ended in the time that there was."""

    exit_code = 5
