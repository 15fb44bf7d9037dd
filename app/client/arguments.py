"""The command line: its commands, their options, and the help."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

from app.client.batch import batch
from app.client.client import FORM_TYPES, Client
from app.client.commands import ask, result
from app.client.completer import COMMAND
from app.client.connection import DEFAULT_ADDRESS, RETRIES
from app.client.fields import add_field_options
from app.client.following import cancel, jobs, shutdown, watch
from app.client.listing import dataset, questions, states, statistics
from app.client.output import FORMS, JSON, TABLE

Run = Callable[[Client, argparse.Namespace], int]

DESCRIPTION = "Ask a health statistics server, and follow its jobs."
EPILOG = f"""\
examples:
  {COMMAND} ask best5 --question obesity
  {COMMAND} ask state_mean -q "no leisure" -s ohio --format json
  {COMMAND} ask estimate -q obesity --by location,year --years 2015- --exclude National -o obesity.csv
  {COMMAND} ask trend -q overweight -s NY -o trend.svg
  {COMMAND} batch requests.jsonl --output results.jsonl
  {COMMAND} watch

environment:
  STATS_URL          address of the server, where --address does not give it (default: {DEFAULT_ADDRESS})
  STATS_ADMIN_TOKEN  the operator's token, for cancel and shutdown

exit codes:
  0  it worked                               3  no server answers at the address
  1  the server answered with an error,      4  the answer is none of such a server
     or a job failed                         5  the job has not ended within --timeout
  2  the command line is wrong, a name fits  130  stopped by Ctrl-C
     nothing or too much, a file is no use
"""


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line: ``run`` among what it finds is the function of the command."""
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_connection_options()],
        allow_abbrev=False,
    )
    commands = Commands(parser)
    _add_asking(commands)
    _add_following(commands)
    for name, run in (("statistics", statistics), ("questions", questions), ("states", states), ("dataset", dataset)):
        _add_output(commands.add(name, run), (TABLE, JSON))
    return parser


class Commands:
    """The commands of a parser."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parsers = parser.add_subparsers(title="commands", metavar="command", required=True)

    def add(self, name: str, run: Run, example: str = "") -> argparse.ArgumentParser:
        """Add a command that is run by a function, whose docstring says what it does."""
        summary = (run.__doc__ or "").splitlines()[0]
        parser = self._parsers.add_parser(
            name,
            help=summary[0].lower() + summary[1:].rstrip("."),
            description=summary,
            epilog=f"example: {COMMAND} {example or name}",
            parents=[_connection_options()],
            allow_abbrev=False,
        )
        parser.set_defaults(run=run)
        return parser


def _add_asking(commands: Commands) -> None:
    asking = commands.add("ask", ask, "ask best5 --question obesity --format csv")
    asking.add_argument("statistic", help=f"what to compute; `{COMMAND} statistics` lists them")
    add_field_options(asking)
    fetching = commands.add("result", result, "result job_id_7 --output result.json")
    fetching.add_argument("job_id", help="the id of the job, such as job_id_7")
    for parser in (asking, fetching):
        _add_output(parser, FORMS)
        timeout = "the longest to wait for the result (default: as long as it takes)"
        parser.add_argument("--timeout", type=_seconds, default=math.inf, metavar="SECONDS", help=timeout)
    running = commands.add("batch", batch, "batch requests.jsonl --folder results --format csv")
    running.add_argument(
        "file", help='JSON lines such as {"statistic": "best5", "question": "obesity"}; - is the input'
    )
    running.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file that the JSON lines go to")
    running.add_argument("--folder", type=Path, metavar="FOLDER", help="the folder for a file per result")
    running.add_argument("-f", "--format", choices=(JSON, *FORM_TYPES), default=JSON, help="the form of those files")


def _add_following(commands: Commands) -> None:
    listing = commands.add("jobs", jobs, "jobs --state running --last 0")
    listing.add_argument("--state", choices=("running", "done", "error"), help="those in this state alone")
    listing.add_argument("--last", type=_count, default=20, metavar="N", help="how many; 0 is all (default: 20)")
    _add_output(listing, (TABLE, JSON))
    watching = commands.add("watch", watch, "watch job_id_7")
    watching.add_argument("job_id", nargs="?", help="the id of a job (default: all jobs)")
    watching.add_argument("--forever", action="store_true", help="go on when none is left, until Ctrl-C")
    cancelling = commands.add("cancel", cancel, "cancel job_id_7 job_id_8")
    cancelling.add_argument("job_ids", nargs="+", metavar="job_id", help="the id of a job")
    stopping = commands.add("shutdown", shutdown, "shutdown --yes")
    stopping.add_argument("-y", "--yes", action="store_true", help="do not ask whether this is meant")
    stopping.add_argument("--no-wait", action="store_true", help="do not wait until the accepted jobs are finished")


def _connection_options() -> argparse.ArgumentParser:
    """Return the options that stand before and after a command alike, absent where they are not given."""
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = options.add_argument_group("connection")
    group.add_argument("-a", "--address", metavar="URL", help=f"the server (default: STATS_URL, or {DEFAULT_ADDRESS})")
    retries = f"how often to try again where no answer comes or the server is busy (default: {RETRIES})"
    group.add_argument("--retries", type=_count, metavar="N", help=retries)
    return options


def _add_output(parser: argparse.ArgumentParser, forms: tuple[str, ...]) -> None:
    default = "by the name of the file, or else table"
    parser.add_argument("-f", "--format", choices=forms, help=f"the form of the result (default: {default})")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file it goes to (default: the terminal)")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 upwards")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds
