"""What the server needs of its process: processor cores and stop signals."""
