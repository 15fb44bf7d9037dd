"""Put the project, its test helpers and its tools on the import path; whoever needs them imports this first."""

import sys
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = PROJECT_ROOT / "benchmarks"
RIVALS = BENCHMARKS / "rivals"
BUNDLED_TABLE = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"

sys.path[:0] = [str(PROJECT_ROOT), str(PROJECT_ROOT / "tests"), str(PROJECT_ROOT / "tools")]
