"""Helpers of the tests: servers, tables, fakes and plain reference computations."""
