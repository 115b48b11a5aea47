"""Generated text between two markers of a page that people write: `<!-- NAME:start -->` and `<!-- NAME:end -->`."""

from __future__ import annotations

from pathlib import Path


def between(page: str, name: str) -> str | None:
    """The text between the markers, without the line breaks around it; None where one of them is not there."""
    start, end = _markers(name)
    _, found, rest = page.partition(start)
    text, closed, _ = rest.partition(end)
    return text.strip("\n") if found and closed else None


def put(path: Path, name: str, text: str) -> bool:
    """Writes the text between the page's markers; False, and nothing written, where they are not there."""
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    if between(page, name) is None:
        return False
    start, end = _markers(name)
    before, rest = page.split(start, 1)
    after = rest.split(end, 1)[1]
    path.write_text(f"{before}{start}\n{text.strip()}\n{end}{after}", encoding="utf-8")
    return True


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name}:start -->", f"<!-- {name}:end -->"
