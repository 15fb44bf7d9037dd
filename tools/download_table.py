"""Download CDC's current table, to be served in place of the bundled one.

``make data`` runs it. Exit codes: 0, the table is in its place; 1, it could not be had, and what was there stays; 2, a
setting or an option makes no sense; 130, stopped by Ctrl-C.
"""

import argparse
import signal
import sys
from pathlib import Path

import project_on_path  # noqa: F401
from app.errors import SettingsError
from app.settings import DOWNLOADED_TABLE, settings_from_environment
from app.table.survey_table import DatasetReport
from download_display import fitting_display
from download_errors import DownloadError
from partial_file import PartialFile
from resumable_download import Display, Patience, ResumableDownload
from table_intake import check_table, only_download, put_in_place

DEFAULT_PATIENCE = Patience()
FAILED_EXIT_CODE = 1
SETTINGS_EXIT_CODE = 2
STOPPED_EXIT_CODE = 128 + signal.SIGINT


def download(url: str, place: Path, display: Display, patience: Patience, *, force: bool) -> DatasetReport:
    """Download a table, check it, and put it in its place; return what it holds. Blocks.

    What has come of a table that is refused is removed: going on with it would lead to the same.

    Raises
    ------
    DownloadError: one of these fails; what was in the place stays
    """
    partial = PartialFile(place, url)
    ResumableDownload(url, partial, display, patience).run()
    try:
        report = check_table(partial.path, place, force=force)
    except DownloadError:
        partial.discard()
        raise
    put_in_place(partial.path, place, url, report)
    partial.forget_mark()
    return report


def announce(place: Path, report: DatasetReport) -> None:
    """Print what has come, and how a server gets to serve it."""
    years = f"{report.years[0]} to {report.years[-1]}, " if report.years else ""
    print(
        f"{place}: {report.rows_read:,} rows, {years}{report.rows_used:,} with a value, SHA-256 {report.sha256}\n"
        "A server without STATS_DATA takes it at its next start, or at POST /api/dataset/reload"
    )


def main(arguments: list[str] | None = None, patience: Patience = DEFAULT_PATIENCE) -> int:
    """Download the table that STATS_DATA_URL names; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Download CDC's current table, to be served in place of the bundled one."
    )
    parser.add_argument(
        "--output", type=Path, default=DOWNLOADED_TABLE, help=f"its place (default: {DOWNLOADED_TABLE})"
    )
    parser.add_argument("--force", action="store_true", help="take a table that is readable but not plausible")
    options = parser.parse_args(arguments)
    place: Path = options.output
    try:
        url = settings_from_environment().data_url
        with only_download(place.parent), fitting_display() as display:
            report = download(url, place, display, patience, force=options.force)
    except SettingsError as error:
        return failed(error.reason, SETTINGS_EXIT_CODE)
    except DownloadError as error:
        return failed(f"{error.reason}; {what_stays(place)}", FAILED_EXIT_CODE)
    except KeyboardInterrupt:
        return failed(f"stopped; the next run goes on from there; {what_stays(place)}", STOPPED_EXIT_CODE)
    announce(place, report)
    return 0


def failed(reason: str, exit_code: int) -> int:
    """Tell in one line why there is no new table; return the exit code."""
    sys.stderr.write(f"no new table: {reason}\n")
    return exit_code


def what_stays(place: Path) -> str:
    """Say what is served without a new table."""
    return f"{place.name} stays as it was" if place.exists() else "the bundled table stays in use"


if __name__ == "__main__":
    sys.exit(main())
