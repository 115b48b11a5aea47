"""Where things are kept that are costly to make anew."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`DRESSAGE_CACHE`, else `~/.cache/dressage`."""
    return Path(environ.get("DRESSAGE_CACHE") or Path.home() / ".cache" / "dressage")
