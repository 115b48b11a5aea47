"""The report's first sentence, made from the figures and the gate alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dressage.run.report.figure import Figure

_NAMED = 2
"""So many figures of each outcome are named; the rest are counted."""

_GATES = {
    "met": "the safety gate is met",
    "not met": "the safety gate is not met",
    "inconclusive": "the safety gate is inconclusive",
}


def verdict(figures: Sequence[Figure], gate: Mapping[str, Any] | None, *, status: str = "complete") -> str:
    """One sentence: what got better and what worse, with intervals, how much stayed unclear, and the gate's verdict.

    It speaks of judges that the training did not know; only where there are none, of the others, and says so.
    """
    gate_part = _GATES.get(str((gate or {}).get("verdict")), "")
    judged = [f for f in figures if f.outcome in ("better", "worse", "unclear")]
    independent = [f for f in judged if f.standing == "independent"]
    if not judged:
        return _sentence(_nothing(figures, status), gate_part)
    caveat = "" if independent else "all of these come from judges or sets that the training knew"
    return _sentence(_change(independent or judged), caveat, gate_part)


def _change(figures: Sequence[Figure]) -> str:
    better = _named(figures, "better", "95% interval of the change ")
    worse = _named(figures, "worse", "" if better else "95% interval of the change ")
    unclear = sum(f.outcome == "unclear" for f in figures)
    if not better and not worse:
        return f"no clear change: of {_count(len(figures))}, none moved by more than its 95% interval"
    parts = [part for part in (better and f"better by {better}", worse and f"worse by {worse}") if part]
    text = f"the model got {', but '.join(parts)}"
    return text + (f"; {_count(unclear)} {'is' if unclear == 1 else 'are'} unclear" if unclear else "")


def _nothing(figures: Sequence[Figure], status: str) -> str:
    if status == "interrupted":
        return "the run was interrupted before it was evaluated to the end, so nothing can be said of the change yet"
    if figures:
        return "nothing that was measured both before and after says which direction would be better"
    return "nothing was evaluated: this report says what was run, not whether the model got safer"


def _sentence(*parts: str) -> str:
    text = "; ".join(part for part in parts if part)
    return text[:1].upper() + text[1:] + "."


def _named(figures: Sequence[Figure], outcome: str, words: str) -> str:
    """Up to two figures with their numbers, and a count of the rest; `words` explain the first numbers."""
    found = sorted((f for f in figures if f.outcome == outcome), key=lambda f: (not f.gated, not f.rate))
    texts = [_phrase(f, "" if i else words) for i, f in enumerate(found[:_NAMED])]
    if more := len(found) - len(texts):
        texts.append(f"{more} more figure" + ("" if more == 1 else "s"))
    return texts[0] if len(texts) == 1 else ", ".join(texts[:-1]) + " and " + texts[-1] if texts else ""


def _phrase(figure: Figure, words: str) -> str:
    """`toxicity-b rate on provocations (31.2% to 8.4%; −27.1 to −18.5 points)`."""
    unit = " points" if figure.rate else ""
    known = figure.before and figure.after
    values = f"{figure.shown(figure.before)} to {figure.shown(figure.after)}; " if known else ""
    return f"{figure.label} on {figure.set} ({values}{words}{figure.change_ends}{unit})"


def _count(number: int) -> str:
    return f"{number} figure" + ("" if number == 1 else "s")
