"""Respondents' records, one row each, reduced to the cells of the table: prevalences of a complex survey."""

from app.table.respondents.mapping import RecordMapping, read_mapping
from app.table.respondents.records import RespondentRecords

__all__ = ["RecordMapping", "RespondentRecords", "read_mapping"]
