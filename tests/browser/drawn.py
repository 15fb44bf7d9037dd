"""What the tests of the pages do on them."""

from playwright.sync_api import Page


def wait_for_chart(page: Page) -> None:
    """Wait until the chart is drawn."""
    page.locator("#chart[aria-busy=false] svg").wait_for()


def rows_of(page: Page) -> list[list[str]]:
    """Return what the cells of the answer's table show, by row."""
    rows: list[list[str]] = page.locator("#answer table.sortable tbody").evaluate(
        "body => [...body.rows].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return rows
