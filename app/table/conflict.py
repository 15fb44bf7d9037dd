"""Rows that repeat the location, year and stratum of another row of their question: identical ones, and conflicts."""

from dataclasses import dataclass

from app.errors import quoted

PUBLISHED_TWICE = (
    "keep one of them in the table: most often it is put together from two versions, of which the newer one holds the "
    "rows of the older one"
)


def identical_rows_note(rows: int) -> str:
    """Return the note about rows that are identical to another one."""
    return (
        f"{rows} rows are identical to another row of the same question, location, year and stratum: estimates count "
        "them once, means of rows as often as they occur"
    )


@dataclass(frozen=True, slots=True)
class Conflict:
    """Locations, years and strata of a question for which a table has several rows that differ.

    Parameters
    ----------
    cells: how many there are
    examples: some of them, as text
    columns: the columns in which these rows differ
    """

    cells: int
    examples: tuple[str, ...]
    columns: tuple[str, ...]

    def reason(self, question: str) -> str:
        """Return why the question with this text has no estimates, and what to do."""
        more = f" and {self.cells - len(self.examples)} more" if self.cells > len(self.examples) else ""
        return (
            f"the question {quoted(question)} has several different rows for the same location, year and stratum, so "
            f"it has no estimates: {'; '.join(self.examples)}{more}. They differ in {', '.join(self.columns)}; "
            f"{PUBLISHED_TWICE}. Means of rows, such as states_mean, use them all"
        )
