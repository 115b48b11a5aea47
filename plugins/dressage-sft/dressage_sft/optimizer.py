"""Supervised fine-tuning: make the demonstrations likelier."""

from __future__ import annotations

from dressage import Encoder, Example, Losses, OfflineOptimizer, SequenceOutputs, Tokens
from dressage.ops import masked_mean
from torch import Tensor

from dressage_sft.options import SFTOptions
from dressage_sft.sequences import collate


class SFT(OfflineOptimizer[SFTOptions]):
    """Supervised fine-tuning on the assistant's tokens, or on plain text."""

    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        """One sequence: the prompt and its answer, of which the answer is learnt, or a plain text."""
        sequence = collate(example, encode, options=self.options)
        return None if sequence is None else (sequence,)

    def loss(self, outputs: SequenceOutputs) -> Losses:
        """The mean negative log-likelihood over learnt tokens, in nats."""
        metrics: dict[str, Tensor | float] = {}
        if outputs.correct is not None:
            metrics["accuracy"] = masked_mean(outputs.correct, outputs.mask)
        return Losses(-masked_mean(outputs.logprobs, outputs.mask), metrics)
