"""The health statistics server: questions about a public-health survey, answered by a pool of threads.

Importing the package starts no thread, opens no file and reads no table; ``create_app`` does.
"""

from flask import Flask

from app.data_ingestor import DataIngestor
from app.job_store import JobStore
from app.logger_config import configure_logging
from app.result_files import ResultFiles
from app.routes import register_routes
from app.services import Services
from app.settings import Settings
from app.survey_table import SurveyTable
from app.task_runner import ThreadPool

MAX_BODY_BYTES = 64 * 1024


def create_app(settings: Settings, table: SurveyTable | None = None) -> Flask:
    """Build a server and start its runners.

    Whoever calls this calls ``app.extensions["services"].close()`` in the end, which drains the pool.

    Parameters
    ----------
    settings: what the operator chose
    table: the table, where it has been read already

    Raises
    ------
    SourceError: the table cannot be read
    OSError: the log or the results cannot be opened
    """
    ingestor = DataIngestor(settings.data, table)
    configure_logging(settings)
    store = JobStore(ResultFiles(settings.results_dir))
    pool = ThreadPool(store=store, threads=settings.threads)

    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.strict_slashes = False
    app.extensions["services"] = Services(settings, ingestor, store, pool)
    register_routes(app)
    return app
