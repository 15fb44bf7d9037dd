"""A JSON schema of CSL-JSON, from the variables and item types in the schema of CSL that citeproc-py brings."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import citeproc

STYLES = Path(citeproc.__file__).parent / "data" / "schema" / "schemas" / "styles"
NAME_PARTS = ("family", "given", "literal", "suffix", "dropping-particle", "non-dropping-particle")


def _list(file: str, name: str) -> list[str]:
    """Return the strings that one definition of a RELAX NG file allows."""
    text = re.sub("#.*", "", (STYLES / file).read_text(encoding="utf-8"))
    (definition,) = re.findall(rf"\b{re.escape(name)}\s*=\s*((?:\"[^\"]+\"\s*\|?\s*)+)", text)
    return re.findall('"([^"]+)"', definition)


def csl_schema() -> dict[str, Any]:
    """Return the schema of a CSL-JSON file: a list of items."""
    part = {"type": "integer"}
    dates = {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "array", "maxItems": 3, "items": part}}
    text = {"type": "string", "minLength": 1}
    types: dict[str, dict[str, Any]] = {
        "strings": text,
        "titles": text,
        "numbers": {"type": ["string", "integer"]},
        "dates": _closed({"date-parts": dates}) | {"required": ["date-parts"]},
        "names": {"type": "array", "items": _closed(dict.fromkeys(NAME_PARTS, text)) | {"minProperties": 1}},
    }
    properties = {"id": text, "type": {"enum": _list("csl-types.rnc", "item-types")}}
    for kind, schema in types.items():
        properties |= dict.fromkeys(_list("csl-variables.rnc", f"variables.{kind}"), schema)
    return {"type": "array", "items": _closed(properties) | {"required": ["id", "type"]}}


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has no other properties."""
    return {"type": "object", "properties": properties, "additionalProperties": False}
