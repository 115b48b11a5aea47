"""Harm by 385 numbers on top of the sentence encoder all-MiniLM-L6-v2."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from dressage import Card, Context, ModelError

from dressage_toxicity.detector import Detector
from dressage_toxicity.encoder import SentenceEncoder
from dressage_toxicity.head import SHIPPED, read_head
from dressage_toxicity.options import MiniLMOptions


class MiniLM(Detector[MiniLMOptions]):
    """The probability that a response falls into any category of harm of its training set."""

    def __init__(self, options: MiniLMOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        where = ctx.name or "minilm"
        self.head = head = read_head(ctx.path(options.head) if options.head else SHIPPED, where)
        self.encoder = SentenceEncoder(options.encoder, ctx)
        if self.encoder.sha256 != head.encoder_sha256:
            raise ModelError(
                f"{where}: the head was trained on {head.encoder} ({head.encoder_sha256[:12]}), and "
                f"{self.encoder.place} has other weights ({self.encoder.sha256[:12] or 'no model.safetensors'})"
            )
        self._weights = torch.tensor(head.weights, dtype=torch.float64)
        if len(self._weights) != (width := self.encoder.model.config.hidden_size):
            raise ModelError(f"{where}: the head has {len(self._weights)} weights and the encoder {width} outputs")
        threshold = options.threshold if options.threshold is not None else head.threshold
        self.set_threshold(threshold)
        self.trained_on = frozenset(head.trained_on)
        self.card = Card(
            f"logistic head on {head.encoder}",
            licence="Apache-2.0",
            source=self.encoder.place,
            sha256=head.encoder_sha256,
            note=f"trained on {', '.join(head.trained_on)}, {head.date}",
            extra={"threshold": threshold, "auc_out_of_fold": head.auc, "rows": head.rows},
        )

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """sigmoid(weights . vector + bias), in float64."""
        vectors = self.encoder.encode(texts).double()  # [B, D]
        return [float(p) for p in torch.sigmoid(vectors @ self._weights + self.head.bias)]

    def to(self, device: str) -> None:
        """Moves the encoder; the head stays on the CPU."""
        self.encoder.to(device)
