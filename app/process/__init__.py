"""The server's process: processor cores, memory and stop signals."""
