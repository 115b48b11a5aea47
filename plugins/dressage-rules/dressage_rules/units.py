"""Words and other tokens of a text in any script, without a model."""

from __future__ import annotations

import re

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Characters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""

# `\w` leaves out the vowel signs of Indic scripts, so a word is what is neither space, nor punctuation, nor picture.
_APART = (
    r"\s!-/:-@\[-`{-~\u00a1-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb\u00bf\u00d7\u00f7\u060c\u061b\u061f\u0964\u0965"
    r"\u2000-\u200b\u200e-\u206f\u2190-\u2bff\u3000-\u303f\ufe10-\ufe1f\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20"
    r"\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff"
)
_LETTER = rf"[^{_APART}{UNSPACED}]"
_WORD = rf"[{UNSPACED}]|{_LETTER}+(?:['’\-]{_LETTER}+)*"
_words = re.compile(_WORD)
_tokens = re.compile(rf"{_WORD}|\S")


def words(text: str) -> list[str]:
    """The words of a text; a character of a script without spaces is a word of its own, punctuation is none."""
    return _words.findall(text)


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, and every other visible character by itself."""
    return _tokens.findall(text.casefold())
