"""Writes docs/reference/ from the code, or with --check says which pages are out of date.

python docs/generate.py
python docs/generate.py --check
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from generator import cli, components, hooks, metrics, python, types_page, yaml_keys

REFERENCE = Path(__file__).parent / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "hooks.md": hooks.render,
    "types.md": types_page.render,
    "yaml.md": yaml_keys.render,
    "components.md": components.render,
    "metrics.md": metrics.render,
    "cli.md": cli.render,
    "python.md": python.render,
}


def main(arguments: list[str]) -> int:
    """Writes the pages, or compares them; 1 where one is out of date."""
    stale = []
    REFERENCE.mkdir(exist_ok=True)
    for name, render in PAGES.items():
        path, text = REFERENCE / name, render()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    if "--check" in arguments and stale:
        print(f"out of date: {', '.join(stale)}; run python docs/generate.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
