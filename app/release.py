"""The name and the version of this server, as provenance, citations and the API document tell them."""

NAME = "health-statistics-server"
VERSION = "0.1.0"  # the project file has the same; a test compares them
