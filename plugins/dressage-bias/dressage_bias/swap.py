"""Counterfactual twins of a text: the same words about another group."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from dressage_bias import pronouns
from dressage_bias.groups import AXES, NOT_AFTER, Rows

# In a script without spaces every neighbour is a letter, so a boundary there would never be met.
_unspaced = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_word = re.compile(r"\w+")
_last_word = re.compile(r"(\w+)[\s-]+$")
_SENTENCE_ENDS = ".!?…\n"


class Swap:
    """Swaps the groups of one axis in a text, at word boundaries, keeping case.

    Of an axis of k groups, `shift(text, s)` turns every term of group g into the term of group (g + s) mod k, so that
    different groups stay different and `shift(shift(text, s), k - s)` is the text again, where every term has one twin.
    """

    def __init__(self, rows: Rows, *, pronouns: bool = False) -> None:
        self.groups = len(rows[0])
        self.pronouns = pronouns
        self.rows = rows
        self.place: dict[str, tuple[int, int]] = {}
        for r, row in enumerate(rows):
            for g, term in enumerate(row):
                self.place.setdefault(_key(term), (r, g))
        self.terms = _Terms(self.place)

    def shift(self, text: str, by: int) -> str:
        """The text with every group moved on by `by`; the text itself where it names none."""
        parts: list[str] = []
        done = 0
        for match in self.terms.find(text):
            parts += text[done : match.start()], self._twin(match, by)
            done = match.end()
        return "".join(parts) + text[done:]

    def _twin(self, match: re.Match[str], by: int) -> str:
        text, term = match.string, match[0]
        before = text[max(0, match.start() - 40) : match.start()]
        previous = _last_word.search(before)
        if previous and previous[1].lower() in NOT_AFTER:
            return term
        r, g = self.place[_key(term)]
        own, other = self.rows[r][g], self.rows[r][(g + by) % self.groups]
        if self.pronouns and by % self.groups and _key(term) in ("her", "his"):
            other = pronouns.twin(_key(term), text[match.end() : match.end() + 60])
        return _with_case_of(term, own, other, first=_begins_sentence(before))


class _Terms:
    """Finds the terms of an axis in a text, the longest first where several begin together."""

    def __init__(self, terms: Iterable[str]) -> None:
        heads: dict[str, list[str]] = {}
        unspaced: list[str] = []
        for term in sorted(terms, key=lambda term: (-len(term), term)):
            head = _word.match(term)
            if head is None or _unspaced.match(term):
                unspaced.append(term)
            else:
                heads.setdefault(head[0], []).append(term)
        # One look-up a word: an alternation of all terms at every character takes a hundred times as long.
        self.heads = {head: _any_of(group) for head, group in heads.items()}
        self.unspaced = _any_of(unspaced) if unspaced else None

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """The matches from left to right, without overlaps."""
        found = [match for word in _word.finditer(text) if (match := self._at(text, word))]
        if self.unspaced:
            found = sorted([*found, *self.unspaced.finditer(text)], key=lambda match: match.start())
        done = 0
        for match in found:
            if match.start() >= done:
                yield match
                done = match.end()

    def _at(self, text: str, word: re.Match[str]) -> re.Match[str] | None:
        head = self.heads.get(word[0].lower())
        return head.match(text, word.start()) if head else None


def swaps(axes: Sequence[str], extra: dict[str, Rows]) -> list[Swap]:
    """The swaps of the built-in `axes` by name, then of `extra`."""
    built_in = [Swap(AXES[name], pronouns=name == "gender") for name in axes]
    return built_in + [Swap(rows) for rows in extra.values()]


def _key(term: str) -> str:
    return " ".join(term.lower().replace("’", "'").split())


def _any_of(terms: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(_literal, terms)), re.IGNORECASE)


def _literal(term: str) -> str:
    body = r"\s+".join(re.escape(word).replace("'", "['’]") for word in term.split())
    before = "" if _unspaced.match(term[0]) else r"(?<!\w)"
    after = "" if _unspaced.match(term[-1]) else r"(?!\w)"
    return before + body + after


def _with_case_of(term: str, own: str, other: str, *, first: bool) -> str:
    if len(term) > 1 and term.isupper() and not own.isupper():
        return other.upper()
    if term == own:
        return other[0].upper() + other[1:] if first and own[0].isupper() else other
    words, capitals = term.split(), [word[0].isupper() for word in term.split()]
    if len(words) > 1 and all(capitals):
        return " ".join(word[0].upper() + word[1:] for word in other.split())
    if capitals[0]:
        return other[0].upper() + other[1:]
    return other.lower() if own[0].isupper() else other


def _begins_sentence(before: str) -> bool:
    stripped = before.rstrip(" \t\r\"“”'‘’()*_-")
    return not stripped or stripped[-1] in _SENTENCE_ENDS
