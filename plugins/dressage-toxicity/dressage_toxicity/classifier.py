"""Any text-classification model of transformers as a detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from dressage import Card, Context, ModelError
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dressage_toxicity.batches import by_length
from dressage_toxicity.detector import Detector
from dressage_toxicity.fingerprint import sha256
from dressage_toxicity.labels import activation_of, harmful_labels
from dressage_toxicity.options import ClassifierOptions
from dressage_toxicity.source import Source, locate, weights_file
from dressage_toxicity.window import window


class Classifier(Detector[ClassifierOptions]):
    """The probability of the harmful labels: their sum under a softmax, the largest of them under a sigmoid."""

    def __init__(self, options: ClassifierOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        where = f"{ctx.name or 'classifier'}: {options.model}"
        source = locate(options.model, ctx, revision=options.revision)
        self.tokenizer, self.model = _load(source, options.revision, where)
        names = {int(index): str(name) for index, name in self.model.config.id2label.items()}
        self.labels = harmful_labels(names, options.labels, where=where)
        self.activation = activation_of(self.model.config, options.activation, where=where)
        if self.activation == "softmax" and len(self.labels) == len(names):
            raise ModelError(
                f"{where}: all labels count, and under a softmax they add up to 1; set `labels` to some of: "
                f"{', '.join(names.values())}"
            )
        self.trained_on = frozenset(options.trained_on)
        self.max_tokens = window(self.model, self.tokenizer, options.max_tokens)
        weights = weights_file(source, revision=options.revision)
        self.card = Card(
            options.model,
            source=source.place,
            sha256=sha256(weights) if weights else "",
            extra={"labels": [names[i] for i in self.labels], "threshold": options.threshold},
        )
        self.to(ctx.device)

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """Batches of similar length, cut to `max_tokens`."""
        return by_length(texts, self.ctx.batch_size, self._judge)

    def to(self, device: str) -> None:
        """Moves the model."""
        self.model.to(device)

    @torch.inference_mode()
    def _judge(self, texts: list[str]) -> list[float]:
        inputs = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=self.max_tokens)
        logits = self.model(**inputs.to(self.model.device)).logits.double()  # [B, labels]
        if self.activation == "softmax":
            return [float(p) for p in logits.softmax(-1)[:, list(self.labels)].sum(-1).clamp(max=1.0)]
        return [float(p) for p in logits.sigmoid()[:, list(self.labels)].amax(-1)]


def _load(source: Source, revision: str | None, where: str) -> tuple[Any, Any]:
    found: dict[str, Any] = {"local_files_only": source.local, "revision": revision or "main"}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.place, **found)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            source.place, dtype=torch.float32, output_loading_info=True, **found
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{where}: cannot be loaded as a text classifier: {_one_line(error)}") from None
    if report["missing_keys"]:
        # transformers fills them with random numbers: a base model without a head would judge by chance.
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"{where}: the weights lack {missing}; it is no trained text classifier")
    _agree_on_padding(tokenizer, model, where)
    return tokenizer, model.eval()


def _agree_on_padding(tokenizer: Any, model: Any, where: str) -> None:
    # A causal classifier reads its answer at the last token that is not the configuration's pad token.
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise ModelError(f"{where}: the tokenizer has neither a pad nor an end-of-sequence token")
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
