"""The immutable survey table and what reads it: sources, row layouts and engines."""
