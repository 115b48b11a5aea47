"""Rows that say almost the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dressage import Context, Drop, Example, Filter
from rensa import RMinHash, RMinHashLSH  # type: ignore[import-untyped]

from dressage_filters.options import NearDuplicatesOptions
from dressage_filters.texts import read, words

SURE = 0.999
"""The chance with which a pair exactly at the threshold must share a band."""
SEED = 1


class NearDuplicates(Filter[NearDuplicatesOptions]):
    """Keeps the first of rows that say almost the same; a row without any of the compared texts is kept.

    MinHash sketches in bands find the candidates (Broder 1997; Leskovec, Rajaraman and Ullman, chapter 3), the exact
    Jaccard similarity of the shingles decides, so a dropped row always has a kept one at least `threshold` alike.
    """

    def __init__(self, options: NearDuplicatesOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.reads = options.part  # type: ignore[misc]
        self.size = options.size or (5 if options.unit == "characters" else 3)

    def apply(self, rows: Sequence[Example]) -> Iterable[Example | Drop]:
        """Each row, or a drop where an earlier kept row is at least as alike as the threshold."""
        length = self.options.permutations
        index = RMinHashLSH(
            threshold=self.options.threshold, num_perm=length, num_bands=bands(self.options.threshold, length)
        )
        for i, row in enumerate(self.ctx.progress(rows, "near-duplicates", len(rows))):
            grams = self._shingles(row)
            if not grams:
                yield row
                continue
            sketch = RMinHash(num_perm=length, seed=SEED)
            sketch.update(sorted(grams))
            # Shingles of a candidate are made anew: keeping them for all rows would take many times the data.
            if any(
                jaccard(grams, self._shingles(rows[k])) >= self.options.threshold for k in sorted(index.query(sketch))
            ):
                yield Drop(row, "near duplicate")
                continue
            index.insert(i, sketch)
            yield row

    def _shingles(self, row: Example) -> frozenset[str]:
        text = " ".join("\n".join(read(row, self.options.part)).casefold().split())
        units: Sequence[str] = text if self.options.unit == "characters" else words(text) or text.split()
        return shingles(units, self.size)


def shingles(units: Sequence[str], size: int) -> frozenset[str]:
    """The runs of `size` units; what is shorter is one run."""
    joint = "" if isinstance(units, str) else " "
    count = max(len(units) - size + 1, 1)
    return frozenset(joint.join(units[i : i + size]) for i in range(count)) - {""}


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """|left and right| / |left or right|, in [0, 1]."""
    common = len(left & right)
    return common / (len(left) + len(right) - common)


def bands(threshold: float, length: int) -> int:
    """The fewest bands (so the fewest false candidates) that find a pair at the threshold with the chance `SURE`.

    With b bands of r = length / b rows, a pair of similarity s is found with chance 1 - (1 - s^r)^b.
    """
    count = 1
    while count < length and 1 - (1 - threshold ** (length // count)) ** count < SURE:
        count *= 2
    return count
