"""One frozen base and the roles on it: hidden states, log-probabilities, values and scores.

What is frozen is computed once. Below layer `split` nothing differs between roles and nothing is trained, so a
sequence's hidden states there are kept (`trunk`) and every role and update runs the layers above alone (`top`): the
lower layers pass their input through, and a pre-hook on layer `split` puts the kept states in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from dressage import ops
from dressage.run.base import Base, logit_transform
from dressage.run.batching import SHARED
from dressage.run.cache import roomy_cache
from dressage.run.lora import AdapterSet, decoder_layers
from dressage.run.recompute import recompute
from dressage.spec.errors import ModelError
from dressage.spec.sections import AdapterConfig


@dataclass(frozen=True)
class Padded:
    """Right-padded, or packed, sequences: `ids` [B, T], `mask` [B, T] (1 on tokens), and their kept states or None."""

    ids: Tensor
    mask: Tensor
    states: Tensor | None = None
    """[B, T, H]: the input of layer `split`."""
    shared: int = 0
    """How many first tokens all rows share: those are run once, and the rows read their keys and values."""
    positions: Tensor | None = None
    """[1, T]: of sequences laid end to end in one row, each counted from 0; none sees another."""


class Network:
    """The base with its adapters; all forward passes of training and scoring go through here."""

    def __init__(self, base: Base, adapter: AdapterConfig) -> None:
        self.base = base
        self.encoder = base.encoder
        self.device = base.device
        self.adapters = AdapterSet(base.model, adapter)
        self._model = base.model
        self._body: Any = base.model.base_model
        self._layers = decoder_layers(base.model)
        self._inject: Tensor | None = None
        self._tap: Callable[[Tensor], None] | None = None
        self._layers[self.adapters.split].register_forward_pre_hook(self._at_split, with_kwargs=True)
        self._recomputes = adapter.gradient_checkpointing
        if self._recomputes:
            recompute(self._layers[self.adapters.split :], self.adapters)
        self.transform = logit_transform(base.model.config.get_text_config())
        self.keeps_states = self.adapters.split > 0 and self._splits_exactly()
        self._check_head()

    @property
    def width(self) -> int:
        """The size of a hidden state."""
        return int(self._model.config.get_text_config().hidden_size)

    @property
    def window(self) -> int | None:
        """How many tokens back the layers with a sliding window see; None where there are none."""
        return getattr(self._model.config.get_text_config(), "sliding_window", None)

    @property
    def head(self) -> tuple[Tensor, Tensor | None]:
        """The output head's weight [V, H] and bias [V]."""
        head = self._model.get_output_embeddings()
        return head.weight, getattr(head, "bias", None)

    def pad(self, sequences: Sequence[Sequence[int]], states: Sequence[Tensor] | None = None) -> Padded:
        """Sequences as one right-padded batch on the device; `states` [T, H] each."""
        width = max(len(s) for s in sequences)
        ids = torch.full((len(sequences), width), self.encoder.pad_id, dtype=torch.long)
        mask = torch.zeros(len(sequences), width, dtype=torch.long)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.as_tensor(sequence, dtype=torch.long)
            mask[row, : len(sequence)] = 1
        kept = None
        if states is not None:
            kept = torch.zeros(len(sequences), width, self.width, dtype=states[0].dtype)
            for row, state in enumerate(states):
                kept[row, : len(state)] = state
            kept = kept.to(self.device)
        # a layer that is run again must not put its keys into the cache of a shared prefix again; and with or without a
        # gradient the numbers must be the same
        shared = shared_prefix(sequences) if len(sequences) > 1 and not self._recomputes else 0
        return Padded(ids.to(self.device), mask.to(self.device), kept, shared if shared >= SHARED else 0)

    def pack(self, sequences: Sequence[Sequence[int]], states: Sequence[Tensor] | None = None) -> Padded:
        """Sequences end to end in one row, without padding; `states` [T, H] each."""
        ids = torch.as_tensor([[token for s in sequences for token in s]], dtype=torch.long, device=self.device)
        positions = torch.cat([torch.arange(len(s)) for s in sequences])[None].to(self.device)
        kept = None if states is None else torch.cat(list(states))[None].to(self.device)
        return Padded(ids, torch.ones_like(ids), kept, positions=positions)

    @torch.no_grad()
    def trunk(self, batch: Padded) -> Tensor | None:
        """The states [B, T, H] that enter layer `split`, or None where this architecture keeps none."""
        if not self.keeps_states:
            return None
        caught: list[Tensor] = []
        with self.tapped(caught.append), self._stop_at_split():
            self._run(batch, None)
        return _joined(caught)

    @torch.no_grad()
    def frozen(self, batch: Padded) -> Tensor:
        """States [B, T, H] that no adapter has a part in: the trunk's, or where none are kept the bare base's last."""
        states = self.trunk(batch)
        return self.hidden(batch, None) if states is None else states

    def hidden(self, batch: Padded, role: str | None) -> Tensor:
        """The final hidden states [B, T, H] (after the last norm) under a role's adapter; None is the bare base."""
        with self.adapters.use(role):
            if batch.states is None:
                return _joined(self._run(batch, None))
            with self._passed_over(range(self.adapters.split)):
                return _joined(self._run(batch, batch.states))

    def logprobs(
        self, states: Tensor, tokens: Tensor, *, temperature: float = 1.0, entropy_gradient: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of `tokens` [B, T] predicted from `states` [B, T, H]: log-probabilities, entropies, whether most likely."""
        weight, bias = self.head
        return ops.selected_logprobs_and_entropy(
            states,
            weight,
            tokens,
            temperature=temperature,
            bias=bias,
            transform=self.transform,
            entropy_gradient=entropy_gradient,
        )

    def logits(self, states: Tensor) -> Tensor:
        """[..., H] to [..., V] in fp32, for the few positions that are sampled from."""
        return self._finished(torch.nn.functional.linear(states, *self.head))

    def logits_in_parts(self, states: Tensor, rows: int) -> Iterator[Tensor]:
        """The same of [n, H], `rows` at a time."""
        return map(self._finished, torch.split(torch.nn.functional.linear(states, *self.head), rows))

    def _finished(self, logits: Tensor) -> Tensor:
        return logits.float() if self.transform is None else self.transform(logits.float())

    def step(self, ids: Tensor, cache: DynamicCache, **kwargs: Any) -> Tensor:
        """A forward pass with a key-value cache, which grows: final hidden states."""
        hidden: Tensor = self._body(input_ids=ids, use_cache=True, past_key_values=cache, **kwargs).last_hidden_state
        return hidden

    def cache(self, room: int) -> DynamicCache:
        """An empty key-value cache with room for so many tokens more than it is first given."""
        return roomy_cache(self._model.config, room)

    @contextmanager
    def tapped(self, catch: Callable[[Tensor], None]) -> Iterator[None]:
        """Hands the states that enter layer `split` to `catch` at every forward pass inside."""
        self._tap = catch
        try:
            yield
        finally:
            self._tap = None

    # --- how layers below the split are passed over -------------------------------------------------------------------

    def _run(self, batch: Padded, states: Tensor | None) -> list[Tensor]:
        """Final hidden states of the shared prefix [1, P, H], where there is one, and of the rest [B, T - P, H]."""
        if batch.positions is not None:
            # no mask and no cache: with either, transformers lets packed sequences see each other
            return [self._pass(batch.ids, states, position_ids=batch.positions, use_cache=False).last_hidden_state]
        if not batch.shared:
            return [self._pass(batch.ids, states, attention_mask=batch.mask, use_cache=False).last_hidden_state]
        rows, split = len(batch.ids), batch.shared
        cache = DynamicCache(config=self._model.config)
        first = None if states is None else states[:1, :split]
        head = self._pass(batch.ids[:1, :split], first, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(rows)
        if states is not None:
            self._fill_below(cache, split)
        positions = torch.arange(split, batch.ids.shape[1], device=self.device).expand(rows, -1)
        rest = self._pass(
            batch.ids[:, split:],
            None if states is None else states[:, split:],
            attention_mask=batch.mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        return [head.last_hidden_state, rest.last_hidden_state]

    def _pass(self, ids: Tensor, states: Tensor | None, **kwargs: Any) -> Any:
        """One forward pass of the body, from the ids, or with states put in at the split."""
        if states is None:
            return self._body(input_ids=ids, **kwargs)
        self._inject = states
        try:
            return self._body(inputs_embeds=states, **kwargs)
        finally:
            self._inject = None

    def _fill_below(self, cache: Any, length: int) -> None:
        """Layers that were passed over have no keys; the model asks the first layer how long the cache is."""
        like = cache.layers[self.adapters.split]
        for i in range(self.adapters.split):
            # a sliding layer holds fewer keys than it has seen, so the whole length goes in and each keeps its own
            keys, values = (x.new_zeros(*x.shape[:2], length, x.shape[3]) for x in (like.keys, like.values))
            cache.layers[i].update(keys, values)

    def _at_split(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        states = args[0] if args else kwargs["hidden_states"]
        if self._tap is not None:
            self._tap(states)
        if self._inject is None:
            return None
        if args:
            return (self._inject, *args[1:]), kwargs
        return args, kwargs | {"hidden_states": self._inject}

    @contextmanager
    def _stop_at_split(self) -> Iterator[None]:
        with self._passed_over(range(self.adapters.split, len(self._layers))):
            yield

    @contextmanager
    def _passed_over(self, indices: range) -> Iterator[None]:
        own = [self._layers[i].__dict__.get("forward") for i in indices]
        for i in indices:
            self._layers[i].forward = _nothing
        try:
            yield
        finally:
            for i, forward in zip(indices, own, strict=True):
                if forward is None:
                    del self._layers[i].forward  # the class has it
                else:
                    self._layers[i].forward = forward

    @torch.no_grad()
    def _splits_exactly(self) -> bool:
        """Whether the two halves give the same bits as the whole, tried once on a few tokens."""
        batch = self.pad([list(range(3, 9)), list(range(4, 8))])
        try:
            self.keeps_states = True
            states = self.trunk(batch)
            halves = self.hidden(Padded(batch.ids, batch.mask, states), None)
            whole = self.hidden(batch, None)
        except (RuntimeError, TypeError, ValueError, KeyError, IndexError):
            return False
        valid = batch.mask.bool()
        return bool(torch.equal(halves[valid], whole[valid]))

    @torch.no_grad()
    def _check_head(self) -> None:
        batch = self.pad([list(range(3, 9))])
        with self.adapters.use(None):
            expected = self._model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).logits.float()
        ours = self.logits(self.hidden(batch, None))
        if not torch.allclose(ours, expected, rtol=1e-2, atol=1e-2 * float(expected.abs().max())):
            raise ModelError("this architecture scales its logits in a way that is not known here; please report it")


def shared_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """How many first tokens all sequences share; at least one token of each is left over."""
    least = min(len(s) for s in sequences) - 1
    first = sequences[0]
    for position in range(least):
        if any(s[position] != first[position] for s in sequences):
            return position
    return max(least, 0)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """[1, P, H] and [B, T - P, H] to [B, T, H]."""
    if len(parts) == 1:
        return parts[0]
    head, rest = parts
    return torch.cat([head.expand(len(rest), -1, -1), rest], dim=1)


def _nothing(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return hidden_states
