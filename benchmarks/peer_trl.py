"""The peer's side: TRL's PPOTrainer (1.12, the last release that has one), an iteration whenever it reads a line.

Runs in an environment of its own (`make peers`), which has TRL and none of ours:

    .peers/bin/python benchmarks/peer_trl.py '{"model": "FOLDER", "iterations": 4, "new_tokens": 64, ...}'

It is given its best: no logging, no saving, no samples, its largest forward batch, a value model whose head alone is
trained, and the number format that is asked for. The first line it writes says what it is, each further one what an
iteration took, both as JSON.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

warnings.filterwarnings("ignore")
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402
import trl  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer  # noqa: E402

Settings = dict[str, Any]


class TextScorer(torch.nn.Module):
    """A function of a reply's text in the place of a reward model: TRL's PPO takes no Python reward.

    Its "hidden states" are the token ids themselves, and its "head" decodes and scores them, all at once.
    """

    base_model_prefix = "backbone"

    def __init__(self, tokenizer: Any, turn: str) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.turn = turn
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def backbone(self, input_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
        """Called for the hidden states [B, S, 1]."""
        return SimpleNamespace(hidden_states=[input_ids[..., None]])

    def score(self, hidden: torch.Tensor) -> torch.Tensor:
        """The same score at all positions: [B, S, 1]."""
        from profanity_check import predict_prob

        texts = self.tokenizer.batch_decode(hidden[..., 0])
        replies = [text.rpartition(self.turn)[2].partition("<|")[0] for text in texts]
        odds = torch.logit(torch.tensor(predict_prob(replies)), eps=1e-6).float().clamp(-6, 6)
        return -odds[:, None, None].expand(*hidden.shape[:2], 1)


class Turns(TrainerCallback):
    """Tells what an iteration took, and waits for the next turn."""

    def __init__(self, out: Any) -> None:
        self.out = out
        self.start = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Nothing is timed before the first turn."""
        about = {"trl": trl.__version__, "transformers": transformers.__version__, "torch": torch.__version__}
        self._say(about)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """An iteration is over."""
        peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
        self._say({"seconds": time.perf_counter() - self.start, "peak_bytes": peak})

    def _say(self, answer: Settings) -> None:
        print(json.dumps(answer), file=self.out, flush=True)
        if not sys.stdin.readline():
            os._exit(0)
        self.start = time.perf_counter()


def trainer(settings: Settings, out: Any) -> PPOTrainer:
    """The trainer of a work."""
    path, batch = settings["model"], settings["batch"]
    tokenizer = AutoTokenizer.from_pretrained(path, padding_side="left")
    if tokenizer.pad_token_id == tokenizer.eos_token_id:  # TRL would take the ends of turns in a prompt for padding
        tokenizer.pad_token = next(t for t in tokenizer.all_special_tokens if t != tokenizer.eos_token)
    data = Dataset.from_dict({"input_ids": settings["prompts"]})
    config = PPOConfig(
        output_dir=settings["folder"], per_device_train_batch_size=batch, gradient_accumulation_steps=1,
        num_mini_batches=settings["minibatches"], num_ppo_epochs=settings["epochs"],
        total_episodes=batch * settings["iterations"], response_length=settings["new_tokens"], temperature=1.0,
        local_rollout_forward_batch_size=batch, stop_token="eos" if settings["stops"] else None,
        num_sample_generations=0, report_to="none", save_strategy="no", logging_strategy="no",
        use_cpu=not torch.cuda.is_available(), learning_rate=1e-5, gradient_checkpointing=False, disable_tqdm=True,
    )  # fmt: skip
    kind = {"dtype": torch.bfloat16 if settings["precision"] == "bfloat16" else torch.float32}
    classifier = AutoModelForSequenceClassification
    value = classifier.from_pretrained(path, num_labels=1, **kind)
    value.requires_grad_(False).score.requires_grad_(True)  # its head alone is trained, as ours is
    judge = TextScorer(tokenizer, settings["turn"]) if settings["turn"] is not None else None
    made = PPOTrainer(
        args=config, processing_class=tokenizer, model=AutoModelForCausalLM.from_pretrained(path, **kind),
        ref_model=None, reward_model=judge or classifier.from_pretrained(path, num_labels=1, **kind),
        value_model=value, train_dataset=data, eval_dataset=data.select(range(batch)),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=settings["targets"], task_type="CAUSAL_LM"),
        callbacks=[Turns(out)],
    )  # fmt: skip
    in_order = DataLoader(data, batch_size=batch, collate_fn=made.data_collator, drop_last=True)
    made.dataloader = made.accelerator.prepare(in_order)  # the engine's order, in place of a shuffled one
    return made


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries print what they like; only answers may go out
    wanted = json.loads(sys.argv[1])
    if wanted["precision"] == "autocast":
        os.environ["ACCELERATE_MIXED_PRECISION"] = "bf16"  # PPOConfig's own bf16 does not reach accelerate
    trainer(wanted, answers).train()
