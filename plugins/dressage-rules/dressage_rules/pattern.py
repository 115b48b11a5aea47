"""Regular expressions and word lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dressage import Batch, Context, DataError, Reward, Score, Span

from dressage_rules.options import Goal, PatternOptions
from dressage_rules.units import UNSPACED

_unspaced = re.compile(f"[{UNSPACED}]")


class Pattern(Reward[PatternOptions]):
    """How much of a response matches regular expressions or a word list.

    Matches do not overlap: of two that do, the one that begins first counts, of two that begin together the longer.
    """

    goal: Goal = "min"

    def __init__(self, options: PatternOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.goal = options.goal
        flags = re.IGNORECASE if options.ignore_case else 0
        self.expressions = [re.compile(pattern, flags) for pattern in options.patterns]
        words = [*options.words, *(_read_words(ctx.path(options.file)) if options.file else ())]
        if words:
            self.expressions.append(re.compile(_any_of(words, whole=options.whole_word), flags))

    def score(self, batch: Batch) -> Sequence[Score]:
        """One number per response, or its spans."""
        return [self._judge(response) for response in batch.responses]

    def matches(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each match, in order and without overlaps."""
        found = {m.span() for expression in self.expressions for m in expression.finditer(text) if m.end() > m.start()}
        kept: list[tuple[int, int]] = []
        for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
            if not kept or start >= kept[-1][1]:
                kept.append((start, end))
        return kept

    def _judge(self, text: str) -> Score:
        found = self.matches(text)
        if self.options.spans:
            return tuple(Span(start, end, 1.0) for start, end in found)
        if self.options.mode == "count":
            return float(len(found))
        if self.options.mode == "any":
            return float(bool(found))
        return sum(end - start for start, end in found) / max(len(text), 1)


def _any_of(words: Iterable[str], *, whole: bool) -> str:
    # Longest first: an alternation takes the first branch that fits, and "hot dog" must win over "hot".
    unique = sorted({" ".join(word.split()) for word in words}, key=lambda word: (-len(word), word))
    return "|".join(_literal(word, whole=whole) for word in unique)


def _literal(word: str, *, whole: bool) -> str:
    body = r"\s+".join(re.escape(part) for part in word.split())
    if not whole:
        return body
    # In a script without spaces every neighbour is a letter, so a boundary there would never be met.
    before = "" if _unspaced.match(word[0]) else r"(?<!\w)"
    after = "" if _unspaced.match(word[-1]) else r"(?!\w)"
    return before + body + after


def _read_words(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"word list {path}: no such file; the path starts at the YAML's folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"word list {path}: cannot be read as UTF-8 text: {error}") from None
    words = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not words:
        raise DataError(f"word list {path}: holds no words; put one on each line")
    return words
