"""Hooks of MkDocs, so that the site loads nothing from other servers and includes the project's own files.

``make docs`` installs Mermaid with npm, and that copy draws the diagrams. Without npm they are shown as source text.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.superfences import fence_code_format

MERMAID = Path(".venv", "node", "node_modules", "mermaid", "dist", "mermaid.min.js").absolute()
ROOT_FILES = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
SCRIPT = "javascripts/mermaid.min.js"
FENCE = {"name": "mermaid", "class": "mermaid", "format": fence_code_format}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Load Mermaid if it is installed. Material would load it from another server otherwise."""
    if MERMAID.is_file():
        config.extra_javascript.append(SCRIPT)
        config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [FENCE]}
    return config


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Return the project's own file for a page that stands for it, with its links pointed at the site's pages."""
    source = ROOT_FILES.get(page.file.src_uri)
    return markdown if source is None else Path(source).read_text(encoding="utf-8").replace("](docs/", "](")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the script to the site."""
    if MERMAID.is_file():
        files.append(File.generated(config, SCRIPT, abs_src_path=str(MERMAID)))
    return files
