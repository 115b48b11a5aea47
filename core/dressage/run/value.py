"""The value function: a linear head on the policy's last hidden states, solved in closed form or trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dressage.spec.plan import ValueConfig

FORGET = 0.5
"""What an older batch still counts in the ridge solution, per iteration."""


class ValueHead:
    """V(s) = w h + b, fp32. With `fit: ridge` it is solved on each batch's returns, for use in the next."""

    def __init__(self, width: int, config: ValueConfig, device: torch.device) -> None:
        self.config = config
        self.linear = nn.Linear(width, 1, device=device)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self._products = torch.zeros(width + 1, width + 1, dtype=torch.float64)
        self._targets = torch.zeros(width + 1, dtype=torch.float64)

    @property
    def trained(self) -> list[nn.Parameter]:
        """What the optimizer's loss trains: nothing where the head is solved."""
        return list(self.linear.parameters()) if self.config.fit == "gradient" else []

    def __call__(self, states: Tensor) -> Tensor:
        """[..., H] -> [...]."""
        inputs = states.detach() if self.config.detach or self.config.fit == "ridge" else states
        return self.linear(inputs.float())[..., 0]  # type: ignore[no-any-return]

    @torch.no_grad()
    def fit(self, features: Tensor, returns: Tensor) -> None:
        """Solves min ||X w + b - R||^2 + lambda ||w||^2 over this batch and, less and less, the older ones.

        features: [N, H]; returns: [N]. The intercept is not penalised.
        """
        if self.config.fit != "ridge":
            return
        x = features.cpu().double()  # a device without double precision (MPS) cannot be asked for it
        x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
        self._products = FORGET * self._products + x.T @ x
        self._targets = FORGET * self._targets + x.T @ returns.cpu().double()
        diagonal = torch.diagonal(self._products)[:-1]
        penalty = torch.full((len(self._targets),), float(self.config.ridge * diagonal.mean()), dtype=x.dtype)
        penalty[-1] = 0.0
        solved = torch.linalg.solve(self._products + torch.diag(penalty), self._targets)
        self.linear.weight.copy_(solved[:-1].to(self.linear.weight)[None])
        self.linear.bias.copy_(solved[-1:].to(self.linear.bias))

    def state_dict(self) -> dict[str, Tensor]:
        """The head and the sums it is solved from."""
        head = {f"linear.{k}": v.detach().cpu() for k, v in self.linear.state_dict().items()}
        return head | {"products": self._products, "targets": self._targets}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Takes them back."""
        self.linear.load_state_dict({k.removeprefix("linear."): v for k, v in state.items() if k.startswith("linear.")})
        self._products, self._targets = state["products"].double(), state["targets"].double()
