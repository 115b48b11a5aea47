"""Toxicity by detoxify's models, or by a checkpoint of the same form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dressage import Card, Context, ModelError, PluginError

from dressage_toxicity.batches import by_length
from dressage_toxicity.checkpoint import Checkpoint, download, read_checkpoint
from dressage_toxicity.detector import Detector
from dressage_toxicity.fingerprint import sha256
from dressage_toxicity.options import ToxicityOptions
from dressage_toxicity.source import locate
from dressage_toxicity.window import window

BOTH = frozenset({"jigsaw_comments", "civil_comments"})
TRAINED_ON = {
    "original": frozenset({"jigsaw_comments"}),
    "original-small": frozenset({"jigsaw_comments"}),
    "unbiased": BOTH,
    "unbiased-small": BOTH,  # its authors name the second only; claiming less than the truth would mislead a report
    "multilingual": BOTH,
}
FILES = ["*.json", "*.txt", "*.model"]
"""What configuration and tokenizer need of a hub repository; the weights are the checkpoint's."""


class Toxicity(Detector[ToxicityOptions]):
    """The most probable of the chosen labels, as detoxify sees it."""

    def __init__(self, options: ToxicityOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self._where = ctx.name or "toxicity"
        detoxify = _detoxify(self._where)
        checkpoint = self._checkpoint(detoxify)
        unknown = [label for label in options.labels if label not in checkpoint.classes]
        if unknown:
            listing = ", ".join(checkpoint.classes)
            raise ModelError(f"{self._where}: no label {unknown[0]!r}; the model's labels are: {listing}")
        self.detector = _assemble(detoxify, checkpoint, self._architecture(checkpoint), self._where)
        # detoxify asks for truncation, and most tokenizers it makes have no limit to truncate to.
        self.detector.tokenizer.model_max_length = window(
            self.detector.model, self.detector.tokenizer, options.max_tokens
        )
        own = options.checkpoint is not None
        self.trained_on = frozenset(options.trained_on) if own else TRAINED_ON[options.model] | {*options.trained_on}
        self.card = Card(
            str(options.checkpoint) if own else f"detoxify {options.model}",
            licence="" if own else "Apache-2.0",
            source="" if own else detoxify.MODEL_URLS[options.model],
            sha256=sha256(checkpoint.path),
            extra={"labels": list(options.labels), "threshold": options.threshold},
        )
        self.to(ctx.device)

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """Batches of similar length; detoxify itself takes a batch of any size at once."""
        return by_length(texts, self.ctx.batch_size, self._judge)

    def to(self, device: str) -> None:
        """Moves the model."""
        self.detector.model.to(device)
        self.detector.device = device

    def _judge(self, texts: list[str]) -> list[float]:
        answers = self.detector.predict(texts)
        # For one text detoxify answers with a bare number instead of a list.
        columns = [_as_list(answers[label]) for label in self.options.labels]
        return [max(row) for row in zip(*columns, strict=True)]

    def _checkpoint(self, detoxify: Any) -> Checkpoint:
        if self.options.checkpoint is not None:
            path = self.ctx.path(self.options.checkpoint)
        else:
            path = download(detoxify.MODEL_URLS[self.options.model], self._where)
        return read_checkpoint(path, trusted=self.options.trusted, where=self._where)

    def _architecture(self, checkpoint: Checkpoint) -> Path:
        """A local folder with configuration and tokenizer: detoxify would ask the hub for the checkpoint's name."""
        source = locate(self.options.architecture or checkpoint.architecture, self.ctx)
        if Path(source.place).is_dir():
            return Path(source.place)
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(source.place, allow_patterns=FILES, local_files_only=source.local))
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{self._where}: the architecture {source.place} cannot be fetched: {reason}") from None


def _detoxify(where: str) -> Any:
    try:
        import detoxify.detoxify as module  # type: ignore[import-untyped]
    except ImportError as error:
        raise PluginError(
            f"{where}: detoxify is not installed ({error}); run: pip install 'dressage-toxicity[detoxify]'"
        ) from None
    return module


def _assemble(detoxify: Any, checkpoint: Checkpoint, folder: Path, where: str) -> Any:
    """A `Detoxify` around a checkpoint that was read with care; its own constructor would unpickle the file."""
    try:
        model, tokenizer = detoxify.get_model_and_tokenizer(
            str(folder),
            checkpoint.model_class,
            checkpoint.tokenizer_class,
            checkpoint.outputs,
            dict(checkpoint.weights),
        )
    except (OSError, ValueError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{where}: {checkpoint.path} does not fit the architecture in {folder}: {reason}") from None
    missing = sorted(set(model.state_dict()) - set(checkpoint.weights))
    if missing:  # transformers would leave them random and only warn
        raise ModelError(f"{where}: {checkpoint.path} lacks the weights {', '.join(missing[:3])}")
    detector = detoxify.Detoxify.__new__(detoxify.Detoxify)
    detector.model, detector.tokenizer = model.eval(), tokenizer
    detector.class_names, detector.device = list(checkpoint.classes), "cpu"
    return detector


def _as_list(answer: Any) -> list[float]:
    return list(answer) if isinstance(answer, list) else [float(answer)]
