"""Suggestions for a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.7
"""Likeness from which a name counts as a misspelling; `dpo` and `ppo` (0.67) are two names."""


def closest(name: object, known: Iterable[str]) -> str | None:
    """The known name that `name` most likely stands for, or None."""
    by_form = {_form(candidate): candidate for candidate in known}
    form = _form(str(name))
    swapped = [one for one in by_form if one in _swaps(form)]  # `pop` for `ppo`: too short to be alike by ratio
    found = swapped or get_close_matches(form, list(by_form), n=1, cutoff=CUTOFF)
    return by_form[found[0]] if found else None


def hint(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the empty string."""
    found = closest(name, known)
    return f"; did you mean {found!r}?" if found else ""


def _swaps(form: str) -> set[str]:
    """All texts that two neighbouring letters make when they change places."""
    return {form[:i] + form[i + 1] + form[i] + form[i + 2 :] for i in range(len(form) - 1)}


def _form(name: str) -> str:
    return name.lower().replace("_", "-").strip()
