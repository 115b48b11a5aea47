"""Suggestions for a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.7
"""Likeness from which a name counts as a misspelling; `dpo` and `ppo` (0.67) are two names."""


def closest(name: object, known: Iterable[str]) -> str | None:
    """The known name that `name` most likely stands for, or None."""
    by_form = {_form(candidate): candidate for candidate in known}
    found = get_close_matches(_form(str(name)), list(by_form), n=1, cutoff=CUTOFF)
    return by_form[found[0]] if found else None


def hint(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the empty string."""
    found = closest(name, known)
    return f"; did you mean {found!r}?" if found else ""


def _form(name: str) -> str:
    return name.lower().replace("_", "-").strip()
