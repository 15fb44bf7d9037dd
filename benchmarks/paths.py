"""Paths that the benchmarks read and write."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = PROJECT_ROOT / "benchmarks"
BUNDLED_TABLE = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"
MAPPING = PROJECT_ROOT / "app" / "table" / "respondents" / "generated.toml"  # of the modelled records
