"""The entry point of the command line: what is typed becomes a client, a command, and an exit code."""

import os
import sys
import time
from collections.abc import Sequence

from app.client.arguments import command_line
from app.client.client import Client
from app.client.connection import DEFAULT_ADDRESS, RETRIES
from app.client.errors import ClientError, UnreachableError
from app.client.output import tell

TOLD_FROM_SECONDS = 1.0  # a shorter pause is over before it is read about
FILE_UNUSABLE = 2
STOPPED = 130  # what a shell expects of a program that Ctrl-C ended
PIPE_CLOSED = 141  # the same for one whose reader has gone


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a wrong command line raises ``SystemExit`` with code 2."""
    options = command_line().parse_args(arguments)
    address = getattr(options, "address", None) or os.environ.get("STATS_URL") or DEFAULT_ADDRESS
    token, retries = os.environ.get("STATS_ADMIN_TOKEN"), getattr(options, "retries", RETRIES)
    try:
        with Client(address, token=token, retries=retries, pause=pause) as client:
            code: int = options.run(client, options)
            sys.stdout.flush()
    except ClientError as error:
        tell(f"error: {error}{_advice(error)}")
        return error.exit_code
    except KeyboardInterrupt:
        tell("stopped; what the server has accepted goes on there")
        return STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the interpreter's last flush succeeds
        return PIPE_CLOSED
    except OSError as error:
        tell(f"error: {error.filename or 'the output'}: {error.strerror}")
        return FILE_UNUSABLE
    return code


def pause(seconds: float, reason: str) -> None:
    """Wait, and say why where it takes a while."""
    if reason and seconds >= TOLD_FROM_SECONDS:
        tell(f"{reason}; trying again in {seconds:g} s")
    time.sleep(seconds)


def _advice(error: ClientError) -> str:
    if not isinstance(error, UnreachableError):
        return ""
    return "\n`make run_server` starts a server here; --address or STATS_URL names another one"
