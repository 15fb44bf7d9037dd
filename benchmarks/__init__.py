"""Benchmarks of the server beside its rivals, run as ``PYTHONPATH=tests python -m benchmarks.run``."""
