"""The labelled sets on which the detectors are trained and measured, as texts with a 0/1 label.

All are read from a data folder beside the repository (`../shared/data`); none is part of it.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
CATEGORIES = ("S", "H", "V", "HR", "SH", "S3", "H2", "V2")


@dataclass(frozen=True)
class Corpus:
    """Texts and, for each, whether it is a positive."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def sample(self, size: int, seed: int = 0) -> Corpus:
        """`size` rows drawn without replacement, in their old order; all rows where there are fewer."""
        if size >= len(self):
            return self
        kept = sorted(random.Random(seed).sample(range(len(self)), size))
        return Corpus(tuple(self.texts[i] for i in kept), tuple(self.labels[i] for i in kept))


def openai_moderation(data: Path) -> Corpus:
    """Positive: any of the eight categories; a missing label counts as no."""
    with gzip.open(data / "openai_moderation" / "samples-1680.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return Corpus(tuple(row["prompt"] for row in rows), tuple(int(any(row.get(c) for c in CATEGORIES)) for row in rows))


def davidson_tweets(data: Path) -> Corpus:
    """Positive: hate speech or offensive language (classes 0 and 1)."""
    return _csv(data / "davidson_tweets" / "labeled_data.csv", "tweet", lambda row: row["class"] != "2")


def hatecheck(data: Path) -> Corpus:
    """Positive: hateful."""
    return _csv(data / "hatecheck" / "test_suite_cases.csv", "test_case", lambda row: row["label_gold"] == "hateful")


def jigsaw_comments(data: Path) -> Corpus:
    """Wikipedia comments; positive: toxic."""
    return _csv(
        data / "jigsaw_templates" / "toxicity_nonfuzzed_testset.csv", "comment", lambda row: row["toxic"] == "True"
    )


def jigsaw_templates(data: Path) -> Corpus:
    """Sentences about groups of people made from templates; positive: toxic."""
    return _csv(
        data / "jigsaw_templates" / "en_sentence_templates.csv", "phrase", lambda row: row["toxicity"] == "toxic"
    )


CORPORA: Mapping[str, Callable[[Path], Corpus]] = {
    "openai_moderation": openai_moderation,
    "davidson_tweets": davidson_tweets,
    "hatecheck": hatecheck,
    "jigsaw_comments": jigsaw_comments,
    "jigsaw_templates": jigsaw_templates,
}


def _csv(path: Path, column: str, positive: Callable[[Mapping[str, str]], bool]) -> Corpus:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Corpus(tuple(row[column] for row in rows), tuple(int(positive(row)) for row in rows))
