"""The commands about jobs and their server: jobs, watch, cancel, shutdown."""

import argparse
import sys

from app.client.client import Client
from app.client.errors import JobFailedError, UsageError
from app.client.listing import write_records
from app.client.output import tell
from app.client.progress import progress
from app.client.watching import Follower

SUCCESS, FAILURE = 0, 1
LOOK_AGAIN_SECONDS = 0.25
FAILED = "error"


def jobs(client: Client, options: argparse.Namespace) -> int:
    """List the last jobs with their states."""
    states = client.jobs().items()
    found = [{"job": job_id, "state": state} for job_id, state in states if options.state in {None, state}]
    write_records(found[-options.last :] if options.last else found, options)
    left_out = len(found) - options.last if options.last else 0
    if left_out > 0:
        tell(f"… and {left_out} before these; --last 0 lists all")
    return SUCCESS


def watch(client: Client, options: argparse.Namespace) -> int:
    """Follow one job to its end, or all until none is left."""
    return _watch_one(client, options.job_id) if options.job_id else _watch_all(client, forever=options.forever)


def cancel(client: Client, options: argparse.Namespace) -> int:
    """Cancel jobs that wait, or remove jobs that have ended."""
    for job_id in options.job_ids:
        _say(f"{job_id} {client.cancel(job_id)}")
    return SUCCESS


def shutdown(client: Client, options: argparse.Namespace) -> int:
    """Tell the server to take no more jobs, and wait until it has finished those that it has."""
    if not options.yes:
        _confirm(f"{client.address} will take no more jobs until it is started again")
    finished, left = client.shutdown(), client.unfinished()
    with progress("accepted jobs are finished", left) as done:
        while not (finished or options.no_wait):
            client.rest(LOOK_AGAIN_SECONDS)
            finished = client.shutdown()
            done(left - client.unfinished())
    _say("done: no job is left" if finished else "shutting down: jobs are left, and are finished")
    return SUCCESS


def _watch_one(client: Client, job_id: str) -> int:
    try:
        with progress(f"{job_id} is computed"):
            client.wait(job_id)
    except JobFailedError as error:
        _say(f"{job_id} {FAILED}")
        tell(str(error))
        return FAILURE
    _say(f"{job_id} done")
    return SUCCESS


def _watch_all(client: Client, *, forever: bool) -> int:
    """Write a line for each job that changes; fails where one of them fails."""
    follower = Follower(client)
    failed = False
    seen = len(follower.unfinished())
    tell(f"{seen} jobs wait or are computed, {len(follower.states) - seen} have ended")
    with progress("jobs that have ended since", None if forever else seen) as done:
        while forever or follower.unfinished():
            changes = follower.changes()
            failed = failed or FAILED in changes.values()
            for job_id, state in changes.items():
                _say(f"{job_id} {state}")
            done(seen - len(follower.unfinished()))
    return FAILURE if failed else SUCCESS


def _confirm(consequence: str) -> None:
    """Ask for consent.

    Raises
    ------
    UsageError: there is nobody to ask, or the answer is no
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{consequence}; --yes says that this is meant")
    sys.stderr.write(f"{consequence}. Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was done")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
