"""The value head: linear in last hidden states, solved in closed form or trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dressage.spec.sections import ValueConfig

FORGET = 0.5
"""What an older batch still counts in the ridge solution, per iteration."""


class Ridge:
    """min ||X w + b - R||^2 + strength ||w||^2 over one stream's batches, the older ones less and less."""

    def __init__(self, width: int, strength: float) -> None:
        self.strength = strength
        self.products = torch.zeros(width + 1, width + 1, dtype=torch.float64)
        self.targets = torch.zeros(width + 1, dtype=torch.float64)

    def solve(self, features: Tensor, returns: Tensor) -> Tensor:
        """Takes a batch in, features [N, H] and returns [N]; gives w and, last, b: [H + 1]. b is not penalised."""
        x = features.cpu().double()  # a device without double precision (MPS) cannot be asked for it
        x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
        self.products = FORGET * self.products + x.T @ x
        self.targets = FORGET * self.targets + x.T @ returns.cpu().double()
        diagonal = torch.diagonal(self.products)[:-1]
        penalty = torch.full((len(self.targets),), float(self.strength * diagonal.mean()), dtype=x.dtype)
        penalty[-1] = 0.0
        return torch.linalg.solve(self.products + torch.diag(penalty), self.targets)  # type: ignore[no-any-return]


class ValueHead:
    """V(s) = w h + b, fp32, for each stream of rewards. With `fit: ridge` it is solved on each batch's returns, for
    use in the next.
    """

    def __init__(self, width: int, config: ValueConfig, device: torch.device, *, streams: int = 1) -> None:
        self.config = config
        self.linear = nn.Linear(width, streams, device=device)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self._ridges = [Ridge(width, config.ridge) for _ in range(streams if config.solved else 0)]

    @property
    def trained(self) -> list[nn.Parameter]:
        """What the optimizer's loss trains: nothing where the head is solved."""
        return [] if self.config.solved else list(self.linear.parameters())

    def __call__(self, states: Tensor) -> Tensor:
        """[..., H] -> [streams, ...]."""
        alone = self.config.solved or (self.config.detach and self.config.role == "head")
        inputs = states.detach() if alone else states
        return self.linear(inputs.float()).movedim(-1, 0)  # type: ignore[no-any-return]

    @torch.no_grad()
    def fit(self, features: Tensor, returns: Tensor, *, stream: int = 0) -> None:
        """Solves one stream's values on a batch and, less and less, the older ones, where the head is solved.

        features: [N, H]; returns: [N].
        """
        if not self.config.solved:
            return
        solved = self._ridges[stream].solve(features, returns)
        self.linear.weight[stream].copy_(solved[:-1].to(self.linear.weight))
        self.linear.bias[stream].copy_(solved[-1].to(self.linear.bias))

    def state_dict(self) -> dict[str, Tensor]:
        """The head and the sums it is solved from."""
        head = {f"linear.{k}": v.detach().cpu() for k, v in self.linear.state_dict().items()}
        sums = {"products": [r.products for r in self._ridges], "targets": [r.targets for r in self._ridges]}
        return head | {name: torch.stack(parts) for name, parts in sums.items() if parts}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Takes them back."""
        self.linear.load_state_dict({k.removeprefix("linear."): v for k, v in state.items() if k.startswith("linear.")})
        for stream, ridge in enumerate(self._ridges):
            ridge.products, ridge.targets = state["products"][stream].double(), state["targets"][stream].double()
