"""Run the command line: ``python -m app.client``."""

import sys

from app.client.command_line import main

if __name__ == "__main__":
    sys.exit(main())
