"""Words, sentences and stems of a text, in any script.

Words are what stands between spaces, without punctuation at either end, in lower case. Scripts that are written
without spaces (Chinese, Japanese, Thai, ...) count each character as a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from importlib.resources import files

_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Japanese, Chinese
)
_CHARACTER = re.compile(f"([{_SPACELESS}])")
_DASH = re.compile(r"[\u2013\u2014/]|--+")
_SENTENCE = re.compile(r"(?<=[.!?\u2026])[\"')\]*]*\s+|(?<=[\u3002\uff01\uff1f])\s*|\n+")
_SUFFIX = re.compile(r"(?:ations?|ments?|ness|ingly|ings?|edly|ed|ers?|ies|es|ly|s|e|y)$")

STOP = frozenset(files(__package__).joinpath("data", "stop_words.txt").read_text(encoding="utf-8").split())
"""English words that carry no topic."""


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    spaced = _CHARACTER.sub(r" \1 ", _DASH.sub(" ", text.lower().replace("\u2019", "'")))
    return [word for token in spaced.split() if (word := _trim(token))]


def _trim(token: str) -> str:
    start, end = 0, len(token)
    while start < end and unicodedata.category(token[start])[0] in "PSCZ":
        start += 1
    while end > start and unicodedata.category(token[end - 1])[0] in "PSCZ":
        end -= 1
    return token[start:end]


def sentences(text: str) -> list[str]:
    """The sentences (and lines) of a text."""
    return [part.strip() for part in _SENTENCE.split(text) if part and part.strip()]


def ngrams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """The runs of n words, in order."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def repeated(tokens: Sequence[str], n: int = 4) -> float | None:
    """The share of n-word runs that occurred before in the text; None where it has none."""
    runs = ngrams(tokens, n)
    return 1 - len(set(runs)) / len(runs) if runs else None


def topic(text: str) -> frozenset[str]:
    """The stems of the words that carry a topic; pairs of characters in scripts without spaces."""
    tokens = words(text)
    single = [bool(_CHARACTER.fullmatch(token)) for token in tokens]
    pairs = {a + b for a, b, both in zip(tokens, tokens[1:], map(min, single, single[1:]), strict=False) if both}
    plain = {stem(t) for t, alone in zip(tokens, single, strict=True) if not alone and len(t) > 2 and t not in STOP}
    return frozenset(pairs | plain)


def stem(word: str) -> str:
    """A word without its ending: `baking`, `bakes` and `baked` are `bak`."""
    word = word.removesuffix("'s")
    cut = _SUFFIX.sub("", word)
    if len(cut) < 3:
        return word
    return cut[:-1] if len(cut) > 3 and cut[-1] == cut[-2] else cut
