"""What a README says of a component: the sections that are its own, and the YAML that uses it."""

from __future__ import annotations

import re

HEADING = re.compile(r"(#+)\s+(.*)")
YAML = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCES = ("```", "~~~")


def section(text: str, name: str) -> str:
    """All that stands under headings that name a component, each up to the next one of its own level or above.

    A heading may name several. A `#` inside of a fenced block is no heading.
    """
    found: list[str] = []
    depth, fenced = 0, False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith(FENCES)
        heading = None if fenced else HEADING.match(line)
        if heading and (not depth or len(heading[1]) <= depth):
            depth = len(heading[1]) if _has(heading[2], name) else 0
        if depth:
            found.append(line)
    return "\n".join(found)


def names_in_yaml(text: str, name: str) -> bool:
    """Whether a fenced block of YAML has the name, as a word of its own."""
    return any(_has(block, name) for block in YAML.findall(text))


def _has(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None
