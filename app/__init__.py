"""The health statistics server: questions about public-health surveys, answered by a pool of threads over HTTP."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.jobs.results_folder import FolderLock
    from app.settings import Settings
    from app.table.survey_table import SurveyTable

__all__ = ["create_app"]


def create_app(
    settings: "Settings | None" = None, table: "SurveyTable | None" = None, lock: "FolderLock | None" = None
) -> "Flask":
    """Build a server: wire its parts together, start its threads, and resume the jobs of an earlier run.

    Without settings, as ``flask run`` calls it, they come from the environment, and the server drains when the process
    ends; a server that cannot start raises SystemExit. With settings, the caller ends it by
    ``app.extensions["services"].close()``.

    Parameters
    ----------
    settings: what the operator chose
    table: the table, if it has been read already
    lock: this process's lock on the results folder; without one, nothing keeps a second server away

    Raises
    ------
    SourceError: the table cannot be read
    OSError: the log or the results cannot be opened
    """
    # Imported here, so that importing the package costs next to nothing: Flask and pandas take half a second.
    from app.factory import build_app, build_process_app  # noqa: PLC0415

    return build_process_app() if settings is None else build_app(settings, table, lock)
