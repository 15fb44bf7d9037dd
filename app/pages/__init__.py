"""The HTML pages: dashboard, job list, data page, and their templates and static files."""
