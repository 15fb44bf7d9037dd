"""The JSON API: a blueprint per audience."""
