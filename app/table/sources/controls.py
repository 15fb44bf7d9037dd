"""Control characters in text from a source: a terminal would act on them, and a reader would be misled by them.

They are replaced where text enters: names in ``NameCoder``, excerpts of a file in ``read_failure``. So neither a
terminal, nor the log, nor a page, nor a picture meets one.
"""

import re

# C0, DEL, C1, and the characters that break lines or change the direction of text (Unicode Standard Annex 9).
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
REPLACEMENT = "\ufffd"


def replace_controls(text: str) -> str:
    """Replace each control character: white space such as a line end by a space, any other by U+FFFD."""
    return CONTROLS.sub(lambda found: " " if found[0].isspace() else REPLACEMENT, text)
