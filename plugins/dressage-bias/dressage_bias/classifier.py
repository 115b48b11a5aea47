"""Bias by a text classifier."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import torch
from dressage import Batch, Card, Context, MachineError, ModelError, Reward, Score, UsageError
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dressage_bias.options import ClassifierOptions, Goal


class Classifier(Reward[ClassifierOptions]):
    """The probability in [0, 1] that a text classifier gives to its bias labels.

    Labels that exclude each other (softmax) add up; of labels that do not (sigmoid) the highest counts. A response is
    cut after `max_length` tokens. An empty response gets no opinion.
    """

    goal: Goal = "min"

    def __init__(self, options: ClassifierOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.goal = options.goal
        self.trained_on = frozenset(options.trained_on)
        self.tokenizer, self.model = _load(options, ctx)
        self.several = _several_at_once(self.model.config)
        names = _labels(self.model.config)
        self.columns = _columns(names, options)
        if not self.several and len(self.columns) == len(names):
            known = ", ".join(names)
            raise UsageError(
                f"model {options.model!r}: all its labels count, and those add up to 1; leave one of {known}"
            )
        counted = ", ".join(names[i] for i in self.columns)
        self.card = Card(options.model, source=options.model, note=f"labels: {counted}")
        self.length = options.max_length or _limit(self.tokenizer, self.model.config)

    def score(self, batch: Batch) -> Sequence[Score]:
        """One probability per response."""
        judged = [i for i, response in enumerate(batch.responses) if response.strip()]
        scores: list[Score] = [None] * len(batch)
        # Texts of one length stand together, so that little is padding.
        judged.sort(key=lambda i: len(batch.responses[i]))
        for start in range(0, len(judged), self.ctx.batch_size):
            chunk = judged[start : start + self.ctx.batch_size]
            for i, value in zip(chunk, self._probabilities(batch.select(chunk)), strict=True):
                scores[i] = value
        return scores

    def to(self, device: str) -> None:
        """Moves the model."""
        self.model.to(device)

    @torch.inference_mode()
    def _probabilities(self, batch: Batch) -> list[float]:
        texts: list[Sequence[str]] = [batch.responses]
        if self.options.with_prompt:
            texts = [[prompt.last for prompt in batch.prompts], batch.responses]
        encoded = self.tokenizer(
            *([_legible(text) for text in column] for column in texts),
            padding=True,
            truncation=True,
            max_length=self.length,
            return_tensors="pt",
        )
        logits = self.model(**encoded.to(self.model.device)).logits.float()  # [B, labels]
        if self.several:
            values = logits.sigmoid()[:, self.columns].amax(-1)
        else:
            values = logits.softmax(-1)[:, self.columns].sum(-1).clamp(max=1.0)
        return values.cpu().tolist()  # type: ignore[no-any-return]


def _load(options: ClassifierOptions, ctx: Context) -> tuple[Any, Any]:
    place = ctx.path(options.model)
    where: str = str(place) if place.is_dir() else options.model
    common: dict[str, Any] = {} if place.is_dir() else {"revision": options.revision or "main"}
    if not place.is_dir():
        common["local_files_only"] = not _reachable()
    try:
        tokenizer = AutoTokenizer.from_pretrained(where, **common)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            where, dtype=torch.float32, output_loading_info=True, **common
        )
    except (OSError, ValueError, KeyError) as error:
        if common.get("local_files_only"):
            hint = "no such folder, not in the hub's cache, and the hub is out of reach; give a folder"
        else:
            hint = str(error).strip().partition("\n")[0]
        raise ModelError(f"{ctx.name}: model {options.model!r}: {hint}") from None
    if report["missing_keys"]:  # transformers fills them with random numbers: the head would judge by chance
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"{ctx.name}: model {options.model!r}: its weights lack {missing}; name a trained classifier")
    _agree_on_padding(tokenizer, model, f"{ctx.name}: model {options.model!r}")
    try:
        return tokenizer, model.to(ctx.device).eval()
    except (RuntimeError, AssertionError) as error:
        raise MachineError(f"{ctx.name}: device {ctx.device!r}: {str(error).partition(chr(10))[0]}") from None


def _agree_on_padding(tokenizer: Any, model: Any, where: str) -> None:
    # A causal classifier reads its answer at the last token that is not the configuration's pad token.
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise ModelError(f"{where}: its tokenizer has neither a pad nor an end-of-sequence token; name another")
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id


def _reachable() -> bool:
    # Without a network, transformers tries for half a minute before it says so.
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), timeout=3).close()
    except OSError:
        return False
    return True


def _several_at_once(config: Any) -> bool:
    return bool(config.problem_type == "multi_label_classification" or config.num_labels == 1)


def _labels(config: Any) -> list[str]:
    return [str(config.id2label[i]) for i in range(config.num_labels)]


def _columns(names: Sequence[str], options: ClassifierOptions) -> list[int]:
    known = ", ".join(names)
    if not options.labels:
        if len(names) == 1 or [name.upper() for name in names] == ["LABEL_0", "LABEL_1"]:
            return [len(names) - 1]
        raise UsageError(f"model {options.model!r} has the labels {known}; name those that count in labels")
    by_name = {name.lower(): i for i, name in enumerate(names)}
    unknown = [label for label in options.labels if label.lower() not in by_name]
    if unknown:
        raise UsageError(f"model {options.model!r} has no label {unknown[0]!r}; it has {known}")
    return sorted({by_name[label.lower()] for label in options.labels})


def _legible(text: str) -> str:
    # JSON can carry lone surrogates, and no tokenizer takes them.
    return text.encode("utf-8", "replace").decode("utf-8")


def _limit(tokenizer: Any, config: Any) -> int:
    positions = getattr(config, "max_position_embeddings", None) or 512
    # RoBERTa and its kin count positions from the padding id on.
    offset = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type or config.model_type == "camembert" else 0
    return int(min(512, tokenizer.model_max_length, positions - offset))
