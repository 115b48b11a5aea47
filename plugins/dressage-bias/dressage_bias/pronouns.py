"""The two English pronouns whose twin depends on what follows: her (him, his) and his (her, hers)."""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PREPOSITIONS = _set(
    "to for with at in on of from by about as into onto over after before during until till since under through "
    "without against around toward towards despite except regarding within upon via beside between"
)
_CONJUNCTIONS = _set(
    "and or but nor because when while if that than so although though where who whether how what why which once "
    "unless whenever"
)
_VERBS = _set(
    "is was are were am be been has had have would will could can should might may must did does do isn't wasn't "
    "didn't doesn't won't wouldn't can't couldn't"
)
_DETERMINERS = _set(
    "the a an this these those some any no every all another my your our their its it i you he she we they"
)
_ADVERBS = _set(
    "yesterday today tomorrow tonight again now then there here too not never always away back down up out off alone "
    "anyway later soon twice instead either well directly please everything something anything nothing more"
)
_ENDS_NOUN_PHRASE = _PREPOSITIONS | _CONJUNCTIONS | _VERBS
_NO_NOUN = _ENDS_NOUN_PHRASE | _DETERMINERS | _ADVERBS

_next = re.compile(r"(\s*)(?:(\w+(?:['’]\w+)?)|(\S))?")


def twin(pronoun: str, rest: str) -> str:
    """The twin of `her` or `his` (lower case), from the text that follows it.

    `her` is an object (him) where no noun can follow, else a possessive (his); `his` stands alone (hers) where the
    phrase ends, else belongs to a noun (her). Short of a parser this is a guess, right in most sentences.
    """
    gap, word, mark = _next.match(rest).groups()  # type: ignore[union-attr]
    ends = (not word and not mark) or "\n\n" in gap or (bool(mark) and not (gap and mark in "\"“‘'«([*_-—–"))
    lower = (word or "").lower()
    if pronoun == "her":
        return "him" if ends or lower in _NO_NOUN else "his"
    return "hers" if ends or lower in _ENDS_NOUN_PHRASE else "her"
