"""Command-line tools for the project; run each as ``python -m tools.<name>``."""
