"""The pieces of a page: headings come from the callers, tables and paragraphs from here."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

WIDTH = 120
NOTICE = "<!-- Written by docs/generate.py from the code; edit the code, then run it again. -->"


def page(title: str, *parts: str) -> str:
    """A whole page, with the notice that it is generated."""
    return "\n\n".join([NOTICE, f"# {title}", *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table without its empty columns, or nothing where it has no rows."""
    body = [tuple(row) for row in rows]
    used = [i for i in range(len(head)) if any(row[i] for row in body)]
    lines = [_row([row[i] for i in used]) for row in (tuple(head), *body)]
    return "\n".join([lines[0], "|" + "---|" * len(used), *lines[1:]]) if body else ""


def code(text: str, language: str = "") -> str:
    """A fenced block."""
    return f"```{language}\n{text}\n```"


def definition(signature: str) -> str:
    """A function's head as a block of Python, broken where it is too long."""
    line = f"def {signature}: ..."
    if len(line) > WIDTH:
        name, _, rest = line.partition("(")
        inside, _, end = rest.rpartition(")")
        arguments = re.split(r", (?=\*|\w+:)", inside)
        line = "\n".join([f"{name}(", *(f"    {argument}," for argument in arguments), f"){end}"])
    return code(line, "python")


def prose(docstring: str | None) -> str:
    """A docstring as paragraphs: the lines of each are joined, indented examples stay as they are."""
    blocks = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(block if block.startswith(("    ", "```")) else " ".join(block.split()) for block in blocks)


def one_line(text: str | None) -> str:
    """A text for a table's cell."""
    return " ".join((text or "").split())


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
