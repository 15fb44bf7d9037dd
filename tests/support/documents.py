"""The chapters of README and docs, for tests that compare them with the code."""

from support.real_server import PROJECT_ROOT


def section(title: str) -> str:
    """Return the part of the README under a heading."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
