"""Bytes in: source files, addresses and the CSV parser."""
