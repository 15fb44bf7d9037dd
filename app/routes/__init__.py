"""The routes: a blueprint per audience, the error handlers, and the request log."""

from flask import Flask

from app.routes import (
    charts,
    dashboard,
    data_page,
    docs,
    errors,
    guard,
    job_details,
    job_pages,
    jobs,
    operations,
    pages,
    representation,
    request_log,
    static_files,
    statistics,
    survey,
)

API = (statistics, survey, jobs, job_details, charts, operations)
PAGES = (pages, dashboard, job_pages, data_page, docs, static_files)


def register_routes(app: Flask) -> None:
    """Put every route of the contract on an application."""
    request_log.register(app)
    representation.register(app)
    guard.register(app)
    errors.register(app)
    for module in (*API, *PAGES):
        app.register_blueprint(module.blueprint)
