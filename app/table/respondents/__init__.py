"""Sources with one row per respondent: prevalences of a complex survey, estimated from records."""

from app.table.respondents.mapping import RecordMapping, read_mapping
from app.table.respondents.records import RespondentRecords

__all__ = ["RecordMapping", "RespondentRecords", "read_mapping"]
