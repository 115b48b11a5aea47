"""How many planted faults each filter finds, and how many clean rows it takes with them, as a Markdown table.

    python scripts/filters_table.py            # prints the table
    python scripts/filters_table.py --write    # puts it into the README, between its two marks

Needs dressage-filters, and dressage-toxicity for the rows with a detector; what is not installed is left out. A row
counts as found where a filter drops it or changes it. Each filter sees all rows at once, as in a run.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dressage import Context, DressageError, Drop, Example, Message, Origin, Use
from dressage.testing import isolated_host

sys.path.insert(0, str(Path(__file__).parent))
from plant_faults import DATA, load

FAULTS = ("exact-duplicate", "near-duplicate", "broken-encoding", "personal-data", "toxic")
FILTERS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("`exact-duplicates`", "exact-duplicates", {}),
    ("`near-duplicates`", "near-duplicates", {}),
    ("`near-duplicates`, `threshold: 0.6`", "near-duplicates", {"threshold": 0.6}),
    ("`mojibake`", "mojibake", {}),
    ("`mojibake`, `action: drop`", "mojibake", {"action": "drop"}),
    ("`pii`", "pii", {}),
    ("`by-score` of `profanity` above 0.5", "by-score", {"source": "profanity", "drop_above": 0.5}),
    ("`by-score` of `minilm` above 0.5", "by-score", {"source": "minilm", "drop_above": 0.5}),
)
README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- filters: start -->", "<!-- filters: end -->"


def main(arguments: Sequence[str]) -> int:
    """Prints the table, or writes it into the README."""
    text = table()
    if "--write" not in arguments:
        print(text)
        return 0
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")
    return 0


def table() -> str:
    """The Markdown table of all filters that can be made here."""
    rows, faults = demonstrations(), key()
    of_each = Counter(faults.values())
    clean = len(rows) - len(faults)
    lines = [
        "| filter | " + " | ".join(f"{fault} ({of_each[fault]})" for fault in FAULTS) + f" | clean rows ({clean}) |",
        "|---" * (len(FAULTS) + 2) + "|",
    ]
    for label, name, options in FILTERS:
        try:
            found = Counter(faults.get(row_id, "clean") for row_id in found_by(name, options, rows))
        except (DressageError, LookupError, ImportError) as error:
            print(f"left out {label}: {error}", file=sys.stderr)
            continue
        shares = [f"{found[fault]} ({found[fault] / of_each[fault]:.0%})" for fault in FAULTS]
        lines.append(f"| {label} | " + " | ".join(shares) + f" | {found['clean']} ({found['clean'] / clean:.1%}) |")
    return "\n".join(lines)


def found_by(name: str, options: Mapping[str, Any], rows: Sequence[Example]) -> Iterator[str]:
    """The ids of the rows that a filter drops or changes."""
    component = make("filter", name, options)
    for row, outcome in zip(rows, component.apply(rows), strict=True):
        if isinstance(outcome, Drop) or outcome != row:
            yield row.columns["id"]
    component.close()


def make(kind: str, name: str, options: Mapping[str, Any]) -> Any:
    """A component of the installed plugins, with its options validated."""
    plugins = [module for module in ("dressage_filters", "dressage_toxicity") if find_spec(module)]
    entry = isolated_host(*plugins).catalog.find(kind, name)

    def build(use: Use[Any], label: str) -> Any:
        return make("reward", use.use, use.with_)

    return entry.load()(entry.options.model_validate(dict(options)), Context(name=name, builder=build))


def demonstrations() -> list[Example]:
    """The rows, with their ids as columns."""
    return [
        Example(
            (Message("user", row["prompt"]),),
            response=row["response"],
            columns={"id": row["id"]},
            origin=Origin("demonstrations.jsonl", line),
        )
        for line, row in enumerate(load(DATA / "demonstrations.jsonl"), 1)
    ]


def key() -> dict[str, str]:
    """The fault of each planted row, by id."""
    return {row["id"]: row["fault"] for row in load(DATA / "planted-faults.jsonl")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
