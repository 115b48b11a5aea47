"""The one training step of everything that learns: microbatches in, one optimizer step out.

A loss is a mean over units (tokens, or items) of its microbatch; it is weighted by the microbatch's share of the
units of the whole step, so that 1 x 8, 2 x 4 and 8 x 1 accumulation give the same gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dressage.run.devices import return_freed_memory
from dressage.spec.errors import TrainingError
from dressage.spec.policy import Losses
from dressage.spec.sections import UpdateConfig

RETURN_EVERY = 16
"""Steps between two returns of freed memory: batches of many sizes leave holes that add up."""


class Learner:
    """AdamW over an adapter (and a head), with a schedule and a bound on the gradient's norm."""

    def __init__(
        self,
        adapter: Sequence[nn.Parameter],
        update: UpdateConfig,
        *,
        steps: int,
        head: Sequence[nn.Parameter] = (),
        apart: Sequence[nn.Parameter] = (),
    ) -> None:
        """`apart`: an adapter of the head's own, with which it has a bound of its own on the gradient's norm."""
        self.update = update
        self.steps = max(steps, 1)
        self.step_count = 0
        self.parameters = [*adapter, *apart, *head]
        self._bounded = ([*adapter], [*apart, *head]) if apart else (self.parameters,)
        groups = [{"params": [*adapter, *apart], "lr": update.learning_rate, "weight_decay": update.weight_decay}]
        if head:
            groups.append({"params": list(head), "lr": update.value_learning_rate, "weight_decay": 0.0})
        self._rates = [float(group["lr"]) for group in groups]  # type: ignore[arg-type]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)

    def step(
        self,
        microbatches: Iterable[tuple[float, Callable[[], Losses]]],
        *,
        name: str,
    ) -> dict[str, float]:
        """One optimizer step over microbatches of (share of the units, loss); returns the means of their numbers.

        Raises `TrainingError` where the loss or the gradient is not finite; the weights are then as before.
        """
        totals: dict[str, float] = {}
        for share, compute in microbatches:
            losses = compute()
            numbers = {"loss": losses.loss, **losses.metrics}
            for key, value in numbers.items():
                number = float(value.detach()) if isinstance(value, Tensor) else float(value)
                totals[key] = totals.get(key, 0.0) + share * number
            if not math.isfinite(totals["loss"]):
                self.optimizer.zero_grad(set_to_none=True)
                raise TrainingError(
                    f"{name}: the loss is {totals['loss']} at step {self.step_count + 1}; try a lower learning_rate"
                )
            (losses.loss * share).backward()  # type: ignore[no-untyped-call]
        norms = [self._clipped(part) for part in self._bounded]
        if not all(map(math.isfinite, norms)):
            self.optimizer.zero_grad(set_to_none=True)
            raise TrainingError(
                f"{name}: the gradient is not finite at step {self.step_count + 1}; try a lower learning_rate"
            )
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * self._factor()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step_count += 1
        if self.step_count % RETURN_EVERY == 0:
            return_freed_memory()
        return totals | {"gradient_norm": norms[0], "learning_rate": self.optimizer.param_groups[0]["lr"]}

    def _clipped(self, parameters: Sequence[nn.Parameter]) -> float:
        """The norm of their gradient, which is then scaled down to the bound."""
        with_gradient = [p for p in parameters if p.grad is not None]
        return float(nn.utils.clip_grad_norm_(with_gradient, self.update.max_grad_norm))

    def _factor(self) -> float:
        """The schedule: a linear rise over `warmup`, then constant, or falling to a tenth."""
        warm = self.update.warmup * self.steps
        if self.step_count < warm:
            return (self.step_count + 1) / (warm + 1)
        if self.update.schedule == "constant":
            return 1.0
        done = min((self.step_count - warm) / max(self.steps - warm, 1), 1.0)
        fall = done if self.update.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * done))
        return 1.0 - 0.9 * fall

    def state_dict(self) -> dict[str, Any]:
        """Moments and counts."""
        return {"optimizer": self.optimizer.state_dict(), "step_count": self.step_count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes them back."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.step_count = int(state["step_count"])
