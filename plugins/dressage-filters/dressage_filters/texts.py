"""The texts of a row that a filter reads, and their words."""

from __future__ import annotations

import re

from dressage import Example, Part

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
# `\w` leaves out the vowel signs of Indic scripts, so a word is what is neither space, nor punctuation, nor picture.
_APART = (
    r"\s!-/:-@\[-`{-~\u00a1-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb\u00bf\u00d7\u00f7\u060c\u061b\u061f\u0964\u0965"
    r"\u2000-\u200b\u200e-\u206f\u2190-\u2bff\u3000-\u303f\ufe10-\ufe1f\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20"
    r"\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff"
)
_letter = rf"[^{_APART}{_UNSPACED}]"
_words = re.compile(rf"[{_UNSPACED}]|{_letter}+(?:['’\-]{_letter}+)*")


def words(text: str) -> list[str]:
    """The words of a text; a character of a script without spaces is a word of its own, punctuation is none."""
    return _words.findall(text)


def prompt_text(row: Example) -> str:
    """The turns of the prompt but the system's, one a line."""
    return "\n".join(message.content for message in row.prompt if message.role != "system")


def read(row: Example, part: Part) -> tuple[str, ...]:
    """The texts of `part`: the prompt as one text, then each answer; none that the row lacks."""
    prompt = (prompt_text(row),) if row.prompt and part != "answer" else ()
    return prompt + (row.answers if part != "prompt" else ())


def turns(row: Example, part: Part) -> list[str]:
    """Every single text of `part`: each turn of the prompt, then each answer."""
    prompt = [message.content for message in row.prompt] if part != "answer" else []
    return prompt + (list(row.answers) if part != "prompt" else [])
