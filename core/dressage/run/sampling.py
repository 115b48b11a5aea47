"""Samples replies from the policy: merged weights, a key-value cache, finished rows dropped, prefixes shared.

The prompts of a chat model begin alike (a system turn); what all rows share is run once and its cache repeated. While
sampling, the states that enter the trained layers are caught, so that the frozen trunk is not run a second time to
score the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dressage.run.batching import SHARED, in_order
from dressage.run.devices import return_freed_memory
from dressage.run.lora import POLICY
from dressage.run.network import Network, shared_prefix

DRAWN = 16
"""Rows that are drawn at a time on a CPU: their probabilities stay in the processor's cache."""


@dataclass(frozen=True)
class Sample:
    """One reply: the tokens that were sampled, and what was known while sampling."""

    prompt: tuple[int, ...]
    ids: tuple[int, ...]
    """The stop token included, where there is one."""
    finished: bool
    """Whether it ended by a stop token rather than at the limit."""
    logprobs: tuple[float, ...]
    """Of each token under the sampler, at the sampling temperature."""
    states: Tensor | None
    """[P + T, H]: the input of layer `split` for prompt and reply, on the CPU; None where none are kept."""


@dataclass(frozen=True)
class Sampling:
    """How to sample."""

    max_new_tokens: int
    temperature: float = 1.0
    """0 takes the most likely token."""
    batch: int = 64
    """Rows at a time."""


@torch.no_grad()
def sample(
    network: Network,
    prompts: Sequence[tuple[int, ...]],
    settings: Sampling,
    *,
    generator: torch.Generator,
    role: str | None = POLICY,
    keep_states: bool = False,
    merge: bool = True,
    tick: Callable[[int], None] = lambda rows: None,
) -> list[Sample]:
    """One reply to each prompt, in the prompts' order; `generator` is a CPU generator.

    Rows are sampled in batches of like length, the longest first. `tick` hears how many rows are done.
    """
    order = in_order(prompts)[::-1]
    found: dict[int, Sample] = {}
    with network.adapters.merged(role) if merge else network.adapters.use(role):
        for start in range(0, len(order), settings.batch):
            rows = order[start : start + settings.batch]
            batch = _Batch(network, [prompts[i] for i in rows], settings, generator, keep_states)
            found.update(zip(rows, batch.run(), strict=True))
            tick(len(rows))
    return_freed_memory()  # a cache in many pieces
    return [found[i] for i in range(len(prompts))]


class _Batch:
    """The state of one batch while it is sampled: rows leave it as they finish."""

    def __init__(
        self,
        network: Network,
        prompts: list[tuple[int, ...]],
        settings: Sampling,
        generator: torch.Generator,
        keep: bool,
    ) -> None:
        self.network = network
        self.prompts = prompts
        self.settings = settings
        self.generator = generator
        self.keep = keep and network.keeps_states
        self.alive = list(range(len(prompts)))
        self.ids: list[list[int]] = [[] for _ in prompts]
        self.logprobs: list[list[float]] = [[] for _ in prompts]
        self.finished = [False] * len(prompts)
        self.states: list[list[Tensor]] = [[] for _ in prompts]

    def run(self) -> list[Sample]:
        """Samples until every row has ended."""
        hidden, cache, mask = self._read_prompts()
        for step in range(self.settings.max_new_tokens):
            tokens = self._draw(hidden)
            last = step + 1 == self.settings.max_new_tokens
            if last and not self.keep:
                break
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
            # a row's last token is run too where states are kept: a reward model reads the state at it
            hidden = self._forward(tokens[:, None], cache, mask)
            if last:
                break
            hidden, mask = self._drop_finished(hidden, cache, mask)
            if not self.alive:
                break
        return [self._result(i) for i in range(len(self.prompts))]

    def _read_prompts(self) -> tuple[Tensor, Any, Tensor]:
        """Runs the prompts, left-padded after what they share; the states at their last tokens [B, H]."""
        device, count = self.network.device, len(self.prompts)
        shared = self._shared()
        width = max(len(p) for p in self.prompts) - shared
        ids = torch.full((count, width), self.network.encoder.pad_id, dtype=torch.long)
        mask = torch.zeros(count, shared + width, dtype=torch.long)
        mask[:, :shared] = 1
        for row, prompt in enumerate(self.prompts):
            rest = prompt[shared:]
            ids[row, width - len(rest) :] = torch.as_tensor(rest, dtype=torch.long)
            mask[row, shared + width - len(rest) :] = 1
        ids, mask = ids.to(device), mask.to(device)
        cache = self.network.cache(self.settings.max_new_tokens)
        if shared:
            first = torch.as_tensor([self.prompts[0][:shared]], dtype=torch.long, device=device)
            caught: list[Tensor] = []
            with self.network.tapped(caught.append):
                self.network.step(first, cache)
            cache.batch_repeat_interleave(count)
            for row in range(count) if self.keep else ():
                self.states[row].append(caught[0][0])
        return self._forward(ids, cache, mask), cache, mask

    def _shared(self) -> int:
        """How many first tokens are run once for all rows; 0 where that is not worth it, or not exact."""
        shared = shared_prefix(self.prompts) if len(self.prompts) > 1 else 0
        window = self.network.window
        longest = max(len(p) for p in self.prompts) + self.settings.max_new_tokens
        # a sliding window would count the padding behind the prefix as tokens
        return 0 if shared < SHARED or (window is not None and longest > window) else shared

    def _forward(self, ids: Tensor, cache: Any, mask: Tensor) -> Tensor:
        width = ids.shape[1]
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -width:]
        caught: list[Tensor] = []
        with self.network.tapped(caught.append):
            hidden = self.network.step(ids, cache, attention_mask=mask, position_ids=positions)
        if self.keep:
            valid = mask[:, -width:].bool()
            for row, index in enumerate(self.alive):
                self.states[index].append(caught[0][row][valid[row]])
        return hidden[:, -1]

    def _draw(self, hidden: Tensor) -> Tensor:
        """One token a living row [B], recorded."""
        count, device = len(hidden), hidden.device
        uniform = torch.rand(count, 1, generator=self.generator, dtype=torch.float64)
        rows = DRAWN if device.type == "cpu" else count
        drawn = [
            self._draw_rows(logits, part)
            for logits, part in zip(self.network.logits_in_parts(hidden, rows), torch.split(uniform, rows), strict=True)
        ]
        tokens, logprobs = (torch.cat(column)[:, 0] for column in zip(*drawn, strict=True))
        stops = self.network.encoder.stop_ids
        for index, token, logprob in zip(self.alive, tokens.tolist(), logprobs.tolist(), strict=True):
            self.ids[index].append(token)
            self.logprobs[index].append(logprob)
            self.finished[index] = token in stops
        return tokens

    def _draw_rows(self, logits: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and their log-probabilities, [n, 1], by inverse transform of one uniform number [n, 1] a row."""
        temperature = self.settings.temperature
        exponents = logits.sub_(logits.amax(-1, keepdim=True))
        if temperature not in (0, 1):
            exponents.div_(temperature)
        # in double, so that no token is lost in the sum; MPS has no such numbers
        wide = (exponents.cpu() if exponents.device.type == "mps" else exponents).double()
        cumulative = wide.exp_().cumsum_(-1)
        total = cumulative[:, -1:]
        if temperature == 0:
            tokens = exponents.argmax(-1, keepdim=True)
        else:
            found = torch.searchsorted(cumulative, uniform.to(total.device) * total)
            tokens = found.clamp(max=logits.shape[-1] - 1).to(exponents.device)
        return tokens, exponents.gather(-1, tokens) - total.to(exponents.device, exponents.dtype).log()

    def _drop_finished(self, hidden: Tensor, cache: Any, mask: Tensor) -> tuple[Tensor, Tensor]:
        keep = [row for row, index in enumerate(self.alive) if not self.finished[index]]
        if len(keep) == len(self.alive):
            return hidden, mask
        self.alive = [self.alive[row] for row in keep]
        if not keep:
            return hidden, mask
        rows = torch.as_tensor(keep, device=hidden.device)
        cache.batch_select_indices(rows)
        return hidden[rows], mask[rows]

    def _result(self, index: int) -> Sample:
        states = torch.cat(self.states[index]).cpu() if self.keep else None
        return Sample(
            self.prompts[index], tuple(self.ids[index]), self.finished[index], tuple(self.logprobs[index]), states
        )
