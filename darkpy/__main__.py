"""`python -m darkpy` is the `darkpy` command."""

import sys

from darkpy.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
