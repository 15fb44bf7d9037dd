"""Rows of published percentages, reduced to the cells of a table."""
