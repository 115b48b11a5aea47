"""The other side of the comparison: the same PPO iteration as one writes it with transformers and peft alone.

Left-padded batches, `generate` under peft, full logits, the reference by `disable_adapter`, a value head trained by the
loss, autocast to bfloat16 where the processor multiplies it and float32 elsewhere. The base is held in the number
format that is faster for this loop too, and peft keeps the adapters in float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from dressage import ops
from dressage.run.base import Base
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from benchmarks.work import PHASES

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
CLIP, LAMBDA, VALUE_WEIGHT = 0.2, 0.95, 0.5


class PlainPPO:
    """PPO on token prompts; `judge` scores replies' texts by the prompts' indices."""

    def __init__(
        self,
        base: Base,
        prompts: Sequence[tuple[int, ...]],
        judge: Callable[[Sequence[int], Sequence[str]], list[float]],
        *,
        layers: int | None,
        new_tokens: int,
        microbatch: int,
        beta: float,
        rate: float,
    ) -> None:
        depth = base.model.config.num_hidden_layers
        lora = LoraConfig(
            r=16,
            lora_alpha=32,
            target_modules=list(LINEAR),
            layers_to_transform=None if layers is None else list(range(depth - layers, depth)),
            task_type="CAUSAL_LM",
        )
        self.model = get_peft_model(base.model, lora)
        self.encoder = base.encoder
        self.bf16 = base.dtype == torch.bfloat16
        self.prompts, self.judge = prompts, judge
        self.new_tokens, self.microbatch, self.beta = new_tokens, microbatch, beta
        self.value = nn.Linear(base.model.config.hidden_size, 1)
        learnt = [p for p in self.model.parameters() if p.requires_grad]
        groups = [{"params": learnt, "lr": rate}, {"params": list(self.value.parameters()), "lr": 1e-2}]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=True)

    def iterate(self, rows: Sequence[int]) -> tuple[dict[str, float], dict[str, float]]:
        """One iteration on some prompts: seconds by phase, and numbers."""
        clock = [time.perf_counter()]
        ids, attention, mask, width = self._sample(rows)
        clock.append(time.perf_counter())
        with torch.no_grad():
            replies = zip(ids[:, width:], mask.bool(), strict=True)
            texts = [self.encoder.decode(row[kept].tolist()) for row, kept in replies]
            scores = torch.tensor(self.judge(rows, texts))
            old, values = self._forward_all(ids, attention, width)
            with self.model.disable_adapter():
                reference, _ = self._forward_all(ids, attention, width)
            rewards = ops.token_rewards(scores, old, reference, mask, beta=self.beta)
            advantages, returns = ops.gae(rewards, values * mask, mask, gamma=1.0, lam=LAMBDA)
            advantages = ops.whiten(advantages, mask)
        clock.append(time.perf_counter())
        self._update(ids, attention, width, mask, old, values, advantages, returns)
        clock.append(time.perf_counter())
        seconds = dict(zip(PHASES, (after - before for before, after in pairwise(clock)), strict=True))
        kl = float((((old - reference) * mask).sum(-1)).mean())
        return seconds, {"score": float(scores.mean()), "kl": kl, "new": int(mask.sum())}

    def _sample(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, int]:
        """Tokens [B, P + T], attention [B, P + T], response mask [B, T], and P."""
        prompts = [self.prompts[i] for i in rows]
        width = max(len(p) for p in prompts)
        pad = self.encoder.pad_id
        ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts])
        attention = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        stops = torch.tensor(sorted(self.encoder.stop_ids))
        with torch.no_grad(), self._autocast():
            ids = self.model.generate(
                input_ids=ids, attention_mask=attention, max_new_tokens=self.new_tokens, do_sample=True,
                temperature=1.0, top_k=0, top_p=1.0, pad_token_id=pad, eos_token_id=stops.tolist(),
            )  # fmt: skip
        ended = torch.isin(ids[:, width:], stops).long()
        mask = ((ended.cumsum(-1) - ended) == 0).float()  # up to the first stop token, which counts
        return ids, torch.cat([attention, mask.long()], dim=1), mask, width

    def _forward(self, ids: Tensor, attention: Tensor, width: int) -> tuple[Tensor, Tensor]:
        """Log-probabilities and values of the response tokens, both [B, T]."""
        positions = (attention.cumsum(-1) - 1).clamp(min=0)
        with self._autocast():
            out = self.model(
                input_ids=ids, attention_mask=attention, position_ids=positions, output_hidden_states=True,
                use_cache=False,
            )  # fmt: skip
        logprobs = out.logits[:, width - 1 : -1].float().log_softmax(-1)
        chosen = logprobs.gather(-1, ids[:, width:, None])[..., 0]
        values = self.value(out.hidden_states[-1][:, width - 1 : -1].detach().float())[..., 0]
        return chosen, values

    def _forward_all(self, ids: Tensor, attention: Tensor, width: int) -> tuple[Tensor, Tensor]:
        size = self.microbatch
        parts = [self._forward(ids[i : i + size], attention[i : i + size], width) for i in range(0, len(ids), size)]
        return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])

    def _update(
        self, ids: Tensor, attention: Tensor, width: int, mask: Tensor, old: Tensor, values: Tensor,
        advantages: Tensor, returns: Tensor,
    ) -> None:  # fmt: skip
        """One epoch of one minibatch, its gradient accumulated over microbatches."""
        for start in range(0, len(ids), self.microbatch):
            part = slice(start, start + self.microbatch)
            new, value = self._forward(ids[part], attention[part], width)
            loss = ops.policy_loss(new, old[part], advantages[part], mask[part], clip=CLIP)
            loss = loss + VALUE_WEIGHT * ops.value_loss(value, values[part], returns[part], mask[part], clip=0.2)
            (loss * mask[part].sum() / mask.sum()).backward()
        nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16)
