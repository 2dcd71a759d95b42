"""`python -m edgeyard` is the `edgeyard` command; child processes are started this way."""

import sys

from edgeyard.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
