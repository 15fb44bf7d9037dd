"""The factory: wires the parts of one server together and registers its routes.

Importing it starts no thread, opens no file and reads no table; ``build_app`` does.
"""

import re
from collections.abc import Callable
from functools import partial
from multiprocessing.util import Finalize

from flask import Flask
from flask_cors import CORS

from app.charts.pictures import Pictures
from app.data_ingestor import DataIngestor, log_repeated_rows
from app.errors import StartError
from app.events import Events
from app.jobs.byte_cache import ByteCache
from app.jobs.documents import Documents
from app.jobs.job_store import JobStore, Maintenance
from app.jobs.journal import Journal
from app.jobs.recovery import recover
from app.jobs.result_files import ResultFiles
from app.jobs.results_folder import FolderLock, check_folder
from app.jobs.retention import Retention
from app.logger_config import Log, configure_logging
from app.metrics import Metrics
from app.openapi import views as openapi_views
from app.pages import dashboard, data, html, job_list, static_files
from app.pages import tables as table_pages
from app.pages.form import FormChoices
from app.pages.places import views as place_pages
from app.planner import Planners
from app.routes import events as event_routes
from app.routes import jobs, operations, results, statistics, survey
from app.routes import tables as table_routes
from app.services import Services
from app.settings import Settings, settings_from_environment
from app.table.engines import load_table, load_table_in_new_process
from app.table.survey_table import SurveyTable
from app.task_runner import ThreadPool
from app.versions.comparisons import Comparisons
from app.versions.kept_tables import KeptTables
from app.versions.warm_start import remember_load
from app.web import compression, error_handlers, guard, proxies, request_log, unread
from app.web.flask_app import LeanFlask

SECONDS_PER_HOUR = 3600
BYTES_PER_MIB = 1024 * 1024
API = (statistics, survey, table_routes, jobs, event_routes, results, operations)
PAGES = (dashboard, place_pages, job_list, data, table_pages, openapi_views, static_files, html)
EXPOSED_HEADERS = ["Content-Disposition", "ETag", "Location", "Preference-Applied", "Retry-After"]


def build_process_app() -> Flask:
    """Build the one server of this process from the environment, and drain it when the process ends.

    Raises
    ------
    SystemExit: the server cannot start; the message says why
    """
    try:
        settings = settings_from_environment()
        lock = FolderLock(check_folder(settings.results_dir))
        Journal(settings.results_dir, settings.journal_sync).check_version()
        app = build_app(settings, lock=lock)
    except StartError as error:
        raise SystemExit(f"cannot start: {error.reason}") from error
    close_at_exit(app)
    return app


def close_at_exit(app: Flask, drain_seconds: float | None = None) -> None:
    """Close a server when its process ends.

    A multiprocessing finalizer runs at the end of an ordinary process and of Granian's worker, where ``atexit``
    handlers do not run.

    Parameters
    ----------
    drain_seconds: as for ``Services.close``
    """
    Finalize(None, app.extensions["services"].close, (drain_seconds,), exitpriority=100)


def build_app(settings: Settings, table: SurveyTable | None = None, lock: FolderLock | None = None) -> Flask:
    """Build a server; ``app.create_app`` documents it."""
    table = table or load_table(settings)
    check_folder = lock.check if lock else lambda: None
    tables = KeptTables(settings.results_dir, settings.tables_kept, check_folder)
    ingestor = DataIngestor(partial(load_table_in_new_process, settings), table, partial(_serve, settings, tables))
    log = configure_logging(settings)  # after the table: a start that fails is reported on standard error alone
    log_repeated_rows(ingestor.table)
    services = _start_services(settings, ingestor, tables, log, check_folder)

    app = LeanFlask(__package__ or __name__, static_folder=None, template_folder="pages/templates")
    app.config.update(PROVIDE_AUTOMATIC_OPTIONS=bool(settings.allowed_origins))
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # it would answer with a redirect in HTML
    app.extensions["services"] = services
    app.extensions["form_choices"] = FormChoices()
    _register_routes(app)
    _allow_origins(app, settings.allowed_origins)
    return app


def _serve(settings: Settings, tables: KeptTables, table: SurveyTable) -> SurveyTable:
    """Keep a table that was read, and record the load for the next start; return the table to serve."""
    served = tables.serve(table)
    remember_load(settings, served.id, table.report)
    return served


def _start_services(
    settings: Settings, ingestor: DataIngestor, tables: KeptTables, log: Log, check_folder: Callable[[], None]
) -> Services:
    """Start the threads of a server, in the order in which they need each other."""
    files = ResultFiles(settings.results_dir, check_folder)
    journal = Journal(settings.results_dir, settings.journal_sync)
    recovered = recover(journal, files, ingestor.table.id)
    cache = ByteCache(settings.cache_mib * BYTES_PER_MIB)
    planners = Planners(lambda: ingestor.table, tables, cache)
    documents = Documents(files, planners.work_of, cache)
    retention = _retention(settings)
    store = JobStore(
        documents=documents, journal=journal, retention=retention, recovered=recovered, check_folder=check_folder
    )
    metrics = Metrics(log.info)
    pool = _start_pool(settings, store, metrics, log)
    events = _start_events(pool, store, ingestor)
    pool.resume()
    comparisons = Comparisons(tables)
    upkeep = Maintenance(store, partial(_maintain_tables, ingestor, tables, comparisons, store))
    upkeep.start()
    return Services(
        settings, ingestor, tables, comparisons, planners, store, pool, upkeep, metrics, Pictures(), log, cache, events
    )


def _start_pool(settings: Settings, store: JobStore, metrics: Metrics, log: Log) -> ThreadPool:
    pool = ThreadPool(
        store=store,
        threads=settings.threads,
        queue_size=settings.queue_size,
        observer=metrics,
        client_share=settings.client_share,
    )
    _measure(metrics, pool, log)
    return pool


def _start_events(pool: ThreadPool, store: JobStore, ingestor: DataIngestor) -> Events:
    events = Events(pool, store.map, ingestor)
    store.map.on_change(events.job_changed)
    events.start()
    return events


def _measure(metrics: Metrics, pool: ThreadPool, log: Log) -> None:
    """Connect the metrics that others change or know."""
    log.on_dropped(metrics.log_lines_dropped.inc)
    metrics.queue_length.set_function(pool.waiting)
    metrics.runners_alive.set_function(pool.runners_alive)


def _maintain_tables(ingestor: DataIngestor, tables: KeptTables, comparisons: Comparisons, store: JobStore) -> None:
    tables.maintain(store.map.tables)
    comparisons.log_new(ingestor.table.id)


def _retention(settings: Settings) -> Retention:
    seconds, size = settings.retention_hours * SECONDS_PER_HOUR, settings.retention_mib * BYTES_PER_MIB
    return Retention(settings.retention_jobs, seconds, size)


def _register_routes(app: Flask) -> None:
    request_log.register(app)
    unread.register(app)  # before compression, so that its hook comes after: what is sent is what counts
    compression.register(app)
    guard.register(app)
    error_handlers.register(app)
    proxies.register(app)  # last: the outermost layer, so that every other one sees the client's own address
    for module in (*API, *PAGES):
        app.register_blueprint(module.blueprint)


def _allow_origins(app: Flask, allowed_origins: tuple[str, ...]) -> None:
    """Let pages of other sites use the server, if the operator allows some."""
    if allowed_origins:
        origins = [re.compile(re.escape(origin) + r"\Z") for origin in allowed_origins]
        CORS(app, origins=origins, expose_headers=EXPOSED_HEADERS)
