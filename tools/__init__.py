"""Command-line tools beside the server; run each as ``python -m tools.<name>``."""
