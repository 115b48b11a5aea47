"""Whose hidden states the value head reads: the policy's, those of an adapter of its own, or of a base of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from dressage.run.experience import Micro
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.run.value import ValueHead
from dressage.spec.errors import ModelError
from dressage.spec.sections import ValueConfig

ROLE = "value-function"
"""Its adapter's name; peft would leave out of what it saves a module that is called as another adapter is."""


class Critic:
    """The value function: states of one network under one role, and a head on them."""

    def __init__(self, policy: Network, config: ValueConfig, *, streams: int, own: Network | None = None) -> None:
        """`own`: the network of `role: model`. An adapter on the shared base begins as the policy is now."""
        self.network = own or policy
        self.apart = config.role != "head"
        """Whether its states are not the policy's."""
        self._kept = own is None
        self.head = ValueHead(self.network.width, config, policy.device, streams=streams)
        if not self.apart:
            return
        adapters = self.network.adapters
        if ROLE not in adapters.names:
            adapters.add(ROLE)
        adapters.load(ROLE, adapters.state(POLICY))
        if own is not None:
            _check_tokens(policy, own)

    @property
    def adapter(self) -> Sequence[nn.Parameter]:
        """The trained weights beside the head's."""
        return self.network.adapters.parameters(ROLE) if self.apart else ()

    def values(self, micro: Micro, states: Tensor) -> Tensor:
        """[streams, B, T] of a microbatch; `states`: the policy's own, [B, T, H]."""
        if self.apart:
            padded = micro.padded if self._kept else replace(micro.padded, states=None)
            states = replace(micro, padded=padded).states(self.network, ROLE)
        return self.head(states) * micro.mask

    def state_dict(self) -> dict[str, Tensor]:
        """Head and adapter."""
        adapter = self.network.adapters.state(ROLE) if self.apart else {}
        return self.head.state_dict() | {f"adapter.{path}": weight for path, weight in adapter.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Takes them back."""
        self.head.load_state_dict(state)
        if self.apart:
            found = {k.removeprefix("adapter."): v for k, v in state.items() if k.startswith("adapter.")}
            self.network.adapters.load(ROLE, found)


def _check_tokens(policy: Network, own: Network) -> None:
    """It reads the policy's tokens. Raises `ModelError` where they mean something else to it."""
    if policy.encoder.tokenizer.get_vocab() != own.encoder.tokenizer.get_vocab():
        raise ModelError(
            "value.base: its tokenizer has another vocabulary than the policy's, whose tokens it reads; take a model of"
            " the same family, or value.role: adapter"
        )
