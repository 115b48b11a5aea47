"""What can be set on each rule."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from dressage import Options
from pydantic import Field, field_validator, model_validator

Count = Annotated[int, Field(ge=0)]
Unit = Literal["words", "characters"]
Goal = Literal["max", "min"]


class LengthOptions(Options):
    """Which length is wanted; without target, minimum and maximum a longer response scores higher."""

    unit: Unit = "words"
    """What is counted; a character of Chinese, Japanese, Thai, Lao, Khmer or Burmese counts as a word."""
    target: Annotated[int, Field(gt=0)] | None = None
    """The best length."""
    minimum: Count | None = None
    """The shortest length with the full score."""
    maximum: Count | None = None
    """The longest length with the full score."""
    softness: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The distance from what is wanted at which the score is a half; 20 words or 100 characters by default."""

    @model_validator(mode="after")
    def _consistent(self) -> LengthOptions:
        if self.target is not None and (self.minimum is not None or self.maximum is not None):
            raise ValueError("target goes without minimum and maximum; leave one of the two out")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class RepetitionOptions(Options):
    """What counts as a repeat."""

    n: Annotated[int, Field(gt=0)] = 3
    """Units in an n-gram."""
    unit: Unit = "words"
    """Of what an n-gram is made; `words` takes languages written without spaces character by character."""


class PatternOptions(Options):
    """What is looked for, and what is told of it."""

    patterns: tuple[str, ...] = ()
    """Regular expressions (Python's `re`)."""
    words: tuple[str, ...] = ()
    """Words or phrases, taken literally."""
    file: Path | None = None
    """A UTF-8 file of more words, one a line; empty lines and lines that begin with # do not count."""
    whole_word: bool = True
    """Match words and phrases only where no letter or digit adjoins; regular expressions stay as written."""
    ignore_case: bool = True
    """Take capital and small letters for the same."""
    mode: Literal["share", "count", "any"] = "share"
    """`share` of the characters that is matched, `count` of the matches, or 1 where there is `any`, else 0."""
    spans: bool = False
    """Give each match the value 1 at its place, instead of one number for the response."""
    goal: Goal = "min"
    """Whether matches are bad (`min`) or wanted (`max`)."""

    @field_validator("patterns")
    @classmethod
    def _compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return patterns

    @field_validator("words")
    @classmethod
    def _not_blank(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word.strip() for word in words):
            raise ValueError("a word is blank, which would match everywhere; remove it")
        return words

    @model_validator(mode="after")
    def _consistent(self) -> PatternOptions:
        if not (self.patterns or self.words or self.file):
            raise ValueError("nothing to look for; give patterns, words or file")
        if self.spans and self.mode != "share":  # a run's own record has the default written out
            raise ValueError("spans give every match its own value; leave mode out")
        return self


class PythonOptions(Options):
    """Which function is called, and how."""

    function: str
    """`module:function`, with the YAML's folder searched first, or `path/to/file.py:function` relative to it."""
    per: Literal["response", "batch"] = "response"
    """Call it with (prompt: str, response: str) for each response, or once with a whole `dressage.Batch`."""
    arguments: dict[str, Any] = {}
    """More keyword arguments for every call."""
    goal: Goal = "max"
    """Whether more of it is better (`max`) or worse (`min`)."""

    @field_validator("function")
    @classmethod
    def _shape(cls, function: str) -> str:
        module, colon, name = function.rpartition(":")
        if not (colon and module.strip() and name.strip()):
            raise ValueError(f"{function!r} is not of the form module:function or file.py:function")
        return function
