"""The factory: ``create_app`` wires every part of a server together.

Importing it starts no thread, opens no file and reads no table; calling it does.
"""

import re
from functools import partial

from flask import Flask
from flask_cors import CORS

from app.data_ingestor import DataIngestor
from app.jobs.documents import Answers, ResultFiles
from app.jobs.job_store import Housekeeper, JobStore
from app.jobs.journal import Journal
from app.jobs.recovery import recover
from app.jobs.status_map import Retention
from app.logger_config import configure_logging
from app.metrics import Metrics, Observer
from app.openapi import views as openapi_views
from app.pages import dashboard, data, job_list, static_files
from app.routes import jobs, operations, results, statistics, survey
from app.services import Services, preparer
from app.settings import Settings
from app.table.engines import load_table
from app.table.survey_table import SurveyTable
from app.task_runner import ThreadPool
from app.web import compression, error_handlers, guard, request_log
from app.web.flask_app import LeanFlask

SECONDS_PER_HOUR = 3600
API = (statistics, survey, jobs, results, operations)
PAGES = (dashboard, job_list, data, openapi_views, static_files)
EXPOSED_HEADERS = ["Content-Disposition", "ETag", "Location", "Preference-Applied", "Retry-After"]


def create_app(settings: Settings, table: SurveyTable | None = None) -> Flask:
    """Build a server, start its threads, and go on with what an earlier run has left.

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
    ingestor = DataIngestor(partial(load_table, settings), table)
    configure_logging(settings)
    services = _start_services(settings, ingestor)

    app = LeanFlask(__package__ or __name__, static_folder=None, template_folder="pages/templates")
    app.config.update(PROVIDE_AUTOMATIC_OPTIONS=bool(settings.allowed_origins))
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # it answers with a redirection in HTML
    app.extensions["services"] = services
    _register_routes(app)
    if settings.allowed_origins:
        origins = [re.compile(re.escape(origin) + r"\Z") for origin in settings.allowed_origins]
        CORS(app, origins=origins, expose_headers=EXPOSED_HEADERS)
    return app


def _register_routes(app: Flask) -> None:
    request_log.register(app)
    compression.register(app)
    guard.register(app)
    error_handlers.register(app)
    for module in (*API, *PAGES):
        app.register_blueprint(module.blueprint)


def _start_services(settings: Settings, ingestor: DataIngestor) -> Services:
    files = ResultFiles(settings.results_dir)
    journal = Journal(settings.results_dir, settings.journal_sync)
    store = JobStore(
        answers=Answers(files, preparer(lambda: ingestor.table)),
        journal=journal,
        retention=Retention(settings.retention_jobs, settings.retention_hours * SECONDS_PER_HOUR),
        recovered=recover(journal, files),
    )
    metrics = Metrics()
    pool = ThreadPool(store=store, threads=settings.threads, queue_size=settings.queue_size, observer=Observer(metrics))
    metrics.queue_length.set_function(store.map.waiting)
    metrics.runners_alive.set_function(lambda: sum(runner.is_alive() for runner in pool.runners()))
    pool.resume()
    housekeeper = Housekeeper(store)
    housekeeper.start()
    return Services(settings, ingestor, store, pool, housekeeper, metrics)
