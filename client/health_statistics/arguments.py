"""The argument parser of the command line: commands, options, and help texts."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from health_statistics import __version__
from health_statistics.batch import batch
from health_statistics.client import Client
from health_statistics.commands import (
    CITATION_FORMS,
    LIST_FORMATS,
    TEXT,
    ask,
    cancel,
    dataset,
    jobs,
    questions,
    reload,
    result,
    shutdown,
    states,
    statistics,
    tables,
    watch,
)
from health_statistics.completion import SHELLS, completion
from health_statistics.connection import DEFAULT_ADDRESS, RETRIES
from health_statistics.fields import add_field_options
from health_statistics.formats import MEDIA_TYPES
from health_statistics.names import COMMAND
from health_statistics.output import FORMATS, JSON

Run = Callable[[Client, argparse.Namespace], int]

DESCRIPTION = "Compute statistics on a health statistics server, and follow its jobs."
EPILOG = f"""\
examples:
  {COMMAND} ask best5 --question obesity
  {COMMAND} ask state_mean -q "no leisure" -s ohio --format json
  {COMMAND} ask estimate -q obesity --by location,year --years 2015- --exclude National -o obesity.csv
  {COMMAND} ask states_mean -q overweight --kind map --theme dark -o overweight.svg
  {COMMAND} ask trend -q obesity -s ohio --cite bibtex >> references.bib
  {COMMAND} ask state_mean -q obesity -s ohio --table previous
  {COMMAND} batch requests.jsonl --output results.jsonl
  {COMMAND} watch
  {COMMAND} completion bash >> ~/.bashrc

environment:
  STATS_URL          default of --address (default: {DEFAULT_ADDRESS})
  STATS_ADMIN_TOKEN  the operator's token, for cancel, reload and shutdown

exit codes:
  0  success
  1  the server answered with an error, a job failed, or the result to cite has no citation
  2  wrong arguments, an unknown or ambiguous name, or a file that cannot be read or written
  3  no server responds at the address
  4  the address is not a health statistics server, or its result belongs to another request
  5  the job did not finish within --timeout
  130  interrupted by Ctrl-C
"""


def create_parser() -> argparse.ArgumentParser:
    """Return the parser. The parsed options have the function of the command as ``run``."""
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_connection_options()],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = Commands(parser)
    _add_result_commands(commands)
    _add_job_commands(commands)
    for run in (statistics, questions, states, dataset, tables):
        _add_output(commands.add(run.__name__, run), LIST_FORMATS)
    _add_operator_commands(commands)
    completing = commands.add("completion", completion, "completion bash >> ~/.bashrc")
    completing.add_argument("shell", choices=SHELLS)
    completing.set_defaults(commands=commands.parsers)
    return parser


class Commands:
    """The commands of a parser; ``parsers`` has the parser of each by name."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._subparsers = parser.add_subparsers(title="commands", metavar="command", required=True)
        self.parsers: dict[str, argparse.ArgumentParser] = {}

    def add(self, name: str, run: Run, example: str = "") -> argparse.ArgumentParser:
        """Add a command. Its help is the first line of its function's docstring."""
        summary = (run.__doc__ or "").splitlines()[0]
        parser = self._subparsers.add_parser(
            name,
            help=summary[0].lower() + summary[1:].rstrip("."),
            description=summary,
            epilog=f"example: {COMMAND} {example or name}",
            parents=[_connection_options()],
            allow_abbrev=False,
        )
        parser.set_defaults(run=run)
        self.parsers[name] = parser
        return parser


def _add_result_commands(commands: Commands) -> None:
    asking = commands.add("ask", ask, "ask best5 --question obesity --format csv")
    asking.add_argument("statistic", help=f"what to compute; `{COMMAND} statistics` lists them")
    add_field_options(asking)
    fetching = commands.add("result", result, "result job_id_7 --output result.json")
    fetching.add_argument("job_id", help="the id of the job, such as job_id_7")
    for parser in (asking, fetching):
        _add_output(parser, FORMATS)
        citing = "write how to cite the result, as text (the default), BibTeX or CSL-JSON, instead of the result"
        parser.add_argument("--cite", nargs="?", choices=CITATION_FORMS, const=TEXT, help=citing)
        parser.add_argument("--kind", help="kind of a picture, such as map (default: the first that fits)")
        parser.add_argument("--theme", choices=("light", "dark"), help="theme of a picture (default: light)")
        timeout = "the longest time to wait for the result (default: no limit)"
        parser.add_argument("--timeout", type=_seconds, default=math.inf, metavar="SECONDS", help=timeout)
    running = commands.add("batch", batch, "batch requests.jsonl --folder results --format csv")
    lines = 'JSON lines such as {"statistic": "best5", "question": "obesity"}; - for standard input'
    running.add_argument("file", help=lines)
    running.add_argument("-o", "--output", type=Path, metavar="FILE", help="write JSON lines to this file")
    running.add_argument("--folder", type=Path, metavar="FOLDER", help="write one file per result to this folder")
    running.add_argument("-f", "--format", choices=(JSON, *MEDIA_TYPES), default=JSON, help="format of those files")


def _add_job_commands(commands: Commands) -> None:
    listing = commands.add("jobs", jobs, "jobs --state running --last 0")
    listing.add_argument("--state", choices=("running", "done", "error"), help="only jobs in this state")
    listing.add_argument("--last", type=_count, default=20, metavar="N", help="how many; 0 lists all (default: 20)")
    _add_output(listing, LIST_FORMATS)
    watching = commands.add("watch", watch, "watch job_id_7")
    watching.add_argument("job_id", nargs="?", help="the id of a job (default: all jobs)")
    watching.add_argument("--forever", action="store_true", help="continue when no job is left, until Ctrl-C")
    cancelling = commands.add("cancel", cancel, "cancel job_id_7 job_id_8")
    cancelling.add_argument("job_ids", nargs="+", metavar="job_id", help="the id of a job")


def _add_operator_commands(commands: Commands) -> None:
    reloading = commands.add("reload", reload)
    reloading.add_argument("--no-wait", action="store_true", help="do not wait until the new table is in use")
    stopping = commands.add("shutdown", shutdown, "shutdown --yes")
    stopping.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    stopping.add_argument("--no-wait", action="store_true", help="do not wait until the accepted jobs have finished")


def _connection_options() -> argparse.ArgumentParser:
    """Return the options allowed before and after a command; options that are not set have no attribute.

    Otherwise the default of the command would replace the value given before it.
    """
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = options.add_argument_group("connection")
    group.add_argument("-a", "--address", metavar="URL", help=f"the server (default: STATS_URL, or {DEFAULT_ADDRESS})")
    retries = f"how often to retry when the server does not respond or is busy (default: {RETRIES})"
    group.add_argument("--retries", type=_count, metavar="N", help=retries)
    return options


def _add_output(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    default = "by the ending of the file, otherwise table"
    parser.add_argument("-f", "--format", choices=formats, help=f"output format (default: {default})")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="output file (default: standard output)")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds
