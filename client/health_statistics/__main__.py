"""The entry point of the command line: parse the arguments, run a command, return an exit code."""

import os
import sys
import time
from collections.abc import Sequence

from health_statistics.arguments import create_parser
from health_statistics.client import Client
from health_statistics.connection import DEFAULT_ADDRESS, RETRIES
from health_statistics.errors import ClientError, JobTimeoutError, UnreachableError
from health_statistics.names import COMMAND
from health_statistics.output import report

REPORTED_PAUSE_SECONDS = 1.0  # shorter pauses are over before anyone reads about them
FILE_ERROR = 2
INTERRUPTED = 130  # shells expect this code from a program that Ctrl-C ended
PIPE_CLOSED = 141  # and this one from a program whose reader has exited


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a usage error raises ``SystemExit`` with code 2."""
    options = create_parser().parse_args(arguments)
    address = getattr(options, "address", None) or os.environ.get("STATS_URL") or DEFAULT_ADDRESS
    token, retries = os.environ.get("STATS_ADMIN_TOKEN"), getattr(options, "retries", RETRIES)
    try:
        with Client(address, token=token, retries=retries, pause=pause) as client:
            code: int = options.run(client, options)
            sys.stdout.flush()
    except ClientError as error:
        report(f"error: {error}{_advice(error)}")
        return error.exit_code
    except KeyboardInterrupt:
        report("interrupted; the server still computes accepted jobs")
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at exit: give it a file that accepts the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        report(f"error: {error.filename or 'output'}: {error.strerror}")
        return FILE_ERROR
    return code


def pause(seconds: float, reason: str) -> None:
    """Wait for some seconds, and report the reason of long pauses."""
    if reason and seconds >= REPORTED_PAUSE_SECONDS:
        report(f"{reason}; retrying in {seconds:g} s")
    time.sleep(seconds)


def _advice(error: ClientError) -> str:
    if isinstance(error, UnreachableError):
        return "\nStart a server with `make run_server` in its folder, or set the address with --address or STATS_URL"
    if isinstance(error, JobTimeoutError):
        return f"\nGet its result later with `{COMMAND} result {error.job_id}`"
    return ""


if __name__ == "__main__":
    sys.exit(main())
