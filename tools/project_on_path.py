"""Put the project on the import path; a tool that needs the server's own code imports this first."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
