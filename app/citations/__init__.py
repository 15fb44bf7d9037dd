"""Citations of results: the source that a result rests on, as text, BibTeX and CSL-JSON."""
