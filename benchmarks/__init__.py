"""Benchmarks that compare the server with rivals; run as ``PYTHONPATH=tests python -m benchmarks.run``."""
