"""A converter that has more time: other tests run beside these."""

import pytest

from app.charts import converter

PATIENT_SECONDS = 120.0


@pytest.fixture(autouse=True)
def patient_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the converter more time for a picture; tests of the time limit set their own."""
    monkeypatch.setattr(converter, "TIMEOUT_SECONDS", PATIENT_SECONDS)
