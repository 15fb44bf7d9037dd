"""The process that reads a table by pandas at a reload: ``python -m app.table.engines.pandas_main <descriptor>``."""

import sys

from app.table.engines.pandas_reader import read_with_pandas
from app.table.engines.parent import serve_parent
from app.table.engines.tasks import ReadTask
from app.table.sources.progress import OnProgress
from app.table.survey_table import SurveyTable


def read(task: ReadTask, on_progress: OnProgress) -> SurveyTable:
    """Read the table of a task.

    Raises
    ------
    SourceError: as ``read_with_pandas``
    """
    return read_with_pandas(task.source, task.kind, on_progress)


if __name__ == "__main__":
    serve_parent(int(sys.argv[1]), read)
