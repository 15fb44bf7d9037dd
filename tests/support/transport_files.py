"""Write SAS transport files (version 5), as CDC publishes BRFSS' records.

The layout is that of "The Record Layout of a SAS Version 5 or 6 Data Set in SAS Transport (XPORT) Format", TS-140
of SAS Institute.
"""

import math
import struct
from pathlib import Path

import pandas as pd

LINE = 80
STAMP = "26NOV19:10:00:00"
MISSING = b"." + bytes(7)
NUMBER, TEXT = 1, 2
NUMBER_BYTES = 8
BIAS = 64  # of the exponent of 16


def write_transport_file(path: Path, frame: pd.DataFrame) -> None:
    """Write the numbers and texts of a frame; a missing number is SAS' missing value."""
    columns = [_Column(str(name), frame[name]) for name in frame]
    names, position = b"", 0
    for number, column in enumerate(columns, 1):
        names += column.description(number, position)
        position += column.length
    fields = zip(*(column.fields for column in columns), strict=True)
    content = (
        _header("LIBRARY HEADER") + _line("SAS     SAS     SASLIB  9.4     Linux".ljust(64) + STAMP) + _line(STAMP)
    )
    content += _header("MEMBER  HEADER", "000000000000000001600000000140") + _header("DSCRPTR HEADER")
    content += _line("SAS     RECORDS SASDATA 9.4     Linux".ljust(64) + STAMP) + _line(STAMP)
    content += _header("NAMESTR HEADER", f"000000{len(columns):04d}00000000000000000000") + _padded(names)
    content += _header("OBS     HEADER") + _padded(b"".join(map(b"".join, fields)))
    path.write_bytes(content)


class _Column:
    """A column: its fields as bytes of one length."""

    def __init__(self, name: str, values: pd.Series) -> None:
        self._name = name
        self._is_text = values.dtype == object or isinstance(values.dtype, pd.StringDtype)
        if self._is_text:
            self.length = max(len(str(value)) for value in values)
            self.fields = [str(value).ljust(self.length).encode("latin-1") for value in values]
        else:
            self.length = NUMBER_BYTES
            self.fields = [_ibm_float(float(value)) for value in values]

    def description(self, number: int, position: int) -> bytes:
        """Return the NAMESTR record."""
        kind = TEXT if self._is_text else NUMBER
        name, blank = self._name.ljust(8).encode(), b" " * 8
        head = struct.pack(">hhhh", kind, 0, self.length, number) + name + b" " * 40 + blank
        return head + struct.pack(">hhhh", 0, 0, 0, 0) + blank + struct.pack(">hhl", 0, 0, position) + bytes(52)


def _ibm_float(value: float) -> bytes:
    """Return a number as IBM's mainframes store it: sign, exponent of 16, and 56 bits of a fraction from 1/16 on."""
    if math.isnan(value):
        return MISSING
    if value == 0:
        return bytes(NUMBER_BYTES)
    fraction, exponent_of_2 = math.frexp(abs(value))
    exponent = math.ceil(exponent_of_2 / 4)
    mantissa = int(math.ldexp(fraction, exponent_of_2 - 4 * exponent + 56))
    sign = 0x80 if value < 0 else 0
    return bytes([sign | (exponent + BIAS)]) + mantissa.to_bytes(7, "big")


def _header(kind: str, rest: str = "0" * 30) -> bytes:
    return _line(f"HEADER RECORD*******{kind} RECORD!!!!!!!{rest}")


def _line(text: str) -> bytes:
    return text.ljust(LINE).encode()


def _padded(content: bytes) -> bytes:
    return content + b" " * (-len(content) % LINE)
