"""The pages of the documentation, for tests that compare them with the code."""

from support.real_server import PROJECT_ROOT

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(PROJECT_ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [
        PROJECT_ROOT / "README.md",
        PROJECT_ROOT / "client" / "README.md",
        *sorted((PROJECT_ROOT / "docs").glob("*.md")),
    ]
}


def section(page: str, title: str) -> str:
    """Return the part of a page under a heading of the second level."""
    return PAGES[page].split(f"\n## {title}\n")[1].split("\n## ")[0]
