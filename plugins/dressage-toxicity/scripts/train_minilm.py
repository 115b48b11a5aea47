"""Trains the head of `minilm`: a logistic regression on the sentence vectors of one data set.

    python plugins/dressage-toxicity/scripts/train_minilm.py

1. Texts of openai_moderation alone; positive: any category.
2. Five folds; texts that are equal but for case and spaces stay in one fold, for a copy in the training part would
   flatter the score.
3. In each fold C is chosen by cross-validation inside its training part, so that no score below has seen its text.
4. The threshold is the smallest above which at most 5 % of the out-of-fold negatives lie.
5. The head itself: C chosen in the same way on everything, then one fit on everything.

Wants scikit-learn (`pip install 'dressage-toxicity[profanity]'` brings it) and the encoder's package.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from corpora import DATA, Corpus, openai_moderation
from dressage import Context
from dressage_toxicity.encoder import SentenceEncoder
from dressage_toxicity.head import SHIPPED
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
FOLDS = 5
FALSE_ALARMS = 0.05
SEED = 0


def groups_of(corpus: Corpus) -> np.ndarray:
    """A number per text, shared by texts that are equal but for case and spaces; [N]."""
    names = [" ".join(text.lower().split()) for text in corpus.texts]
    return np.unique(names, return_inverse=True)[1]


def folds() -> StratifiedGroupKFold:
    """The seeded folds."""
    return StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)


def choose(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    """The C with the best cross-validated AUC."""
    means = [
        cross_val_score(_model(c), vectors, labels, groups=groups, cv=folds(), scoring="roc_auc").mean()
        for c in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(means))]


def out_of_fold(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The probability of each text by a model that saw neither it nor its copies; [N]."""
    scores = np.empty(len(labels))
    for train, test in folds().split(vectors, labels, groups):
        model = _model(choose(vectors[train], labels[train], groups[train])).fit(vectors[train], labels[train])
        scores[test] = model.predict_proba(vectors[test])[:, 1]
    return scores


def threshold_at(negatives: np.ndarray, rate: float) -> float:
    """The smallest score of a negative above which at most the share `rate` of them lies, rounded up to 6 digits."""
    ordered = np.sort(negatives)
    return float(np.ceil(ordered[len(ordered) - 1 - int(rate * len(ordered))] * 1e6) / 1e6)


def train(corpus: Corpus, encoder: SentenceEncoder) -> dict[str, Any]:
    """The head as it is written."""
    vectors = encoder.encode(corpus.texts).double().numpy()
    labels, groups = np.array(corpus.labels), groups_of(corpus)
    scores = out_of_fold(vectors, labels, groups)
    threshold = threshold_at(scores[labels == 0], FALSE_ALARMS)
    strength = choose(vectors, labels, groups)
    model = _model(strength).fit(vectors, labels)
    return {
        "encoder": "all-MiniLM-L6-v2",
        "encoder_sha256": encoder.sha256,
        "trained_on": ["openai_moderation"],
        "date": date.today().isoformat(),
        "rows": len(corpus),
        "positives": int(labels.sum()),
        "inverse_strength": strength,
        "auc": round(float(roc_auc_score(labels, scores)), 4),
        "false_alarms": round(float((scores[labels == 0] > threshold).mean()), 4),
        "detected": round(float((scores[labels == 1] > threshold).mean()), 4),
        "threshold": threshold,
        "bias": round(float(model.intercept_[0]), 6),
        "weights": [round(float(w), 6) for w in model.coef_[0]],
    }


def _model(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=5000)


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with openai_moderation/")
    parser.add_argument("--encoder", default=None, help="folder or hub id; the installed package by default")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    head = train(openai_moderation(arguments.data), SentenceEncoder(arguments.encoder, Context(name="minilm")))
    arguments.out.write_text(json.dumps(head) + "\n", encoding="utf-8")
    print({key: value for key, value in head.items() if key != "weights"})


if __name__ == "__main__":
    main()
