"""Writes the README's table of rows by hazard.

python scripts/hazards_table.py
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from plant_faults import DATA, load

PARTS = ("demonstrations", "prompts", "validation", "heldout-harmful")
README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- hazards: start -->", "<!-- hazards: end -->"


def table() -> str:
    """Clean harmful rows of each part by hazard, as Markdown."""
    faulty = {row["id"] for row in load(DATA / "planted-faults.jsonl")}
    counts = {
        part: Counter(r["hazard"] for r in load(DATA / f"{part}.jsonl") if "hazard" in r and r["id"] not in faulty)
        for part in PARTS
    }
    hazards = sorted(counts["demonstrations"])
    lines = ["| hazard | " + " | ".join(f"`{part}`" for part in PARTS) + " |", "|---" * (len(PARTS) + 1) + "|"]
    lines += [f"| {hazard} | " + " | ".join(str(counts[part][hazard]) for part in PARTS) + " |" for hazard in hazards]
    return "\n".join(lines)


if __name__ == "__main__":
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    README.write_text(f"{before}{START}\n{table()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
