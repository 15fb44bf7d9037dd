"""The file formats of results that a server writes: their media types, and the endings of their files."""

MEDIA_TYPES = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "bibtex": "application/x-bibtex",
    "csljson": "application/vnd.citationstyles.csl+json",
    "zip": "application/zip",
    "svg": "image/svg+xml",
    "png": "image/png",
}
ENDINGS = {name: f".{name}" for name in MEDIA_TYPES} | {"bibtex": ".bib", "csljson": ".csl.json"}
BINARY_FORMATS = frozenset({"parquet", "zip", "png"})
