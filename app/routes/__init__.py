"""The routes: a blueprint per audience, the error handlers, and the request log."""

from flask import Flask

from app.routes import errors, guard, jobs, operations, pages, representation, request_log, statistics, survey


def register_routes(app: Flask) -> None:
    """Put every route of the contract on an application."""
    request_log.register(app)
    representation.register(app)
    guard.register(app)
    errors.register(app)
    for module in (statistics, survey, jobs, operations, pages):
        app.register_blueprint(module.blueprint)
