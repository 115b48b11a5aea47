"""The works on which the engine and TRL are compared: what both sides are given for each."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dressage import Options, Reward, hookimpl
from dressage.testing import isolated_host

from benchmarks.models import SPECIALS, write_llama

PRECISIONS = ("float32", "autocast", "bfloat16")
"""What the peer is tried with: all in float32; autocast to bfloat16; frozen weights in bfloat16."""
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")
BATCH, MICROBATCH, MINIBATCHES, EPOCHS = 64, 16, 4, 4
PROMPT = 32
"""Tokens of a random prompt."""


@dataclass(frozen=True)
class Work:
    """One comparison; a work without a shape is on the embedded model."""

    name: str
    what: str
    new_tokens: int
    faster: float
    """How many times as long the peer is to take, at least."""
    memory: float | None = None
    """Our peak memory as a share of the peer's, at most."""
    shape: tuple[int, int, int, int, int] | None = None
    """Vocabulary, width, layers, heads, width of the MLP."""


WORKS = {
    work.name: work
    for work in (
        Work("P1-small", "random weights, 2.0 M", 64, 3.0, shape=(1024, 192, 4, 6, 512)),
        Work("P1-medium", "random weights, 27.8 M", 64, 4.0, 0.45, shape=(4096, 512, 8, 8, 1408)),
        Work("P2", "SmolLM2-135M, starter prompts", 32, 4.0),
    )
}


class JudgeOptions(Options):
    """Options of `same-size`."""

    model: str
    """A folder of transformers."""


class SameSize(Reward[JudgeOptions]):
    """A reward model of the policy's own size: a classifier of one output on prompt and reply."""

    def __init__(self, options: JudgeOptions, ctx: Any) -> None:
        super().__init__(options, ctx)
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(options.model)
        self.model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=1).eval()

    def score(self, batch: Any) -> Any:
        """The output at the last token of each."""
        import torch

        texts = [f"{p.last} {r}" for p, r in zip(batch.prompts, batch.responses, strict=True)]
        inputs = self.tokenizer(texts, return_tensors="pt", padding=True)
        with torch.inference_mode():
            return self.model(**inputs).logits[:, 0].tolist()


class Plugin:
    """The comparison's own reward."""

    __name__ = "comparison"
    __version__ = "1"

    @hookimpl
    def register_rewards(self, register: Any) -> None:
        """`same-size`."""
        register("same-size", SameSize)


def discovery() -> Any:
    """What the engine's side finds: our plugins of the comparison, and its own reward."""
    return isolated_host("dressage_ppo", "dressage_starter", "dressage_toxicity", Plugin())


def write_model(folder: Path, shape: Sequence[int], seed: int = 0) -> Path:
    """The model of a shape; its words are `w3`, `w4`, ..., by their ids."""
    vocabulary, width, layers, heads, mlp = shape
    words = [f"w{i}" for i in range(len(SPECIALS), vocabulary)]
    return write_llama(folder, words, width=width, layers=layers, heads=heads, mlp=mlp, seed=seed)


def random_prompts(vocabulary: int, count: int) -> list[list[int]]:
    """Prompts of 32 tokens that are words."""
    rng = random.Random(0)
    return [[rng.randrange(4, min(vocabulary, 1000)) for _ in range(PROMPT)] for _ in range(count)]


def engine_run(work: Work, folder: Path, iterations: int, batch: int = BATCH) -> dict[str, Any]:
    """The run of the engine's side."""
    if work.shape is None:
        base, prompts = "smollm2-135m", {"use": "starter", "with": {"part": "prompts"}}
        reward = {"use": "profanity", "with": {"output": "log-odds"}}
    else:
        rows = random_prompts(work.shape[0], batch * iterations)
        path = folder / "prompts.jsonl"
        path.write_text("".join(json.dumps({"text": " ".join(f"w{i}" for i in row)}) + "\n" for row in rows))
        base, prompts = str(folder / "model"), {"path": str(path)}
        reward = {"use": "same-size", "with": {"model": base}}
    return {
        "model": {"base": base, "device": "cpu", "adapter": {"r": 16, "alpha": 32, "targets": list(TARGETS)}},
        "stages": [
            {
                "use": "ppo", "iterations": iterations, "prompts": prompts,
                "rollout": {"prompts": batch, "max_new_tokens": work.new_tokens},
                "update": {
                    "epochs": EPOCHS, "minibatches": MINIBATCHES, "microbatch": MICROBATCH, "learning_rate": 1e-5,
                },
                "value": {"fit": "gradient"},
                "kl": {"beta": 0.05},
                "rewards": [reward],
            }
        ],
    }  # fmt: skip


def peer_settings(
    work: Work, precision: str, model: Path | str, prompts: Sequence[Sequence[int]], folder: Path, iterations: int
) -> dict[str, Any]:
    """What the peer's side reads."""
    return {
        "model": str(model), "prompts": [list(p) for p in prompts], "folder": str(folder), "iterations": iterations,
        "new_tokens": work.new_tokens, "stops": work.shape is None, "precision": precision, "batch": BATCH,
        "minibatches": MINIBATCHES, "epochs": EPOCHS, "targets": list(TARGETS),
        "turn": "assistant\n" if work.shape is None else None,
    }  # fmt: skip
