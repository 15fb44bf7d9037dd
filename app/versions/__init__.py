"""Versions of the table: kept by their content, so that every answer can be had again."""
