"""`python -m dressage`, and the entry point of the `dressage` command."""

from __future__ import annotations

import sys

from dressage.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
