"""What every online optimizer must do; torch is imported by the tests, not by the module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from dressage.testing.contract import Contract

if TYPE_CHECKING:
    from torch import Tensor

    from dressage.spec.policy import Experience, Losses, Outputs, Trajectories

LENGTHS = (5, 3, 1, 4, 5, 2, 5, 1)
TOKENS = 5
JUNK = 1e3
"""What masked tokens hold in the tests that say they have no effect."""


class OnlineContract(Contract):
    """The contract of an `OnlineOptimizer`; `OptimizerContract` chooses it by itself."""

    learns: ClassVar[bool] = True
    """Whether it is asked to raise the reward of a tiny policy."""

    def trajectories(self) -> Trajectories:
        """Eight responses of different lengths, two to a prompt."""
        import torch

        from dressage.spec.policy import Trajectories

        mask, noise = self._mask(), self._noise
        values = noise(1) if self.component.uses_values else torch.zeros_like(mask)  # type: ignore[attr-defined]
        groups = torch.arange(len(LENGTHS), device=self.device) // 2
        return Trajectories(noise(0) * mask, values * mask, mask, groups)

    def experience(self) -> Experience:
        """What would be recorded of the same responses."""
        from dressage.spec.policy import Experience

        mask, noise = self._mask(), self._noise
        return Experience(
            logprobs=-noise(2).abs() * mask,
            ref_logprobs=-noise(3).abs() * mask,
            values=noise(4) * mask,
            advantages=noise(5) * mask,
            returns=noise(6) * mask,
            mask=mask,
        )

    def outputs(self) -> Outputs:
        """What the policy would say now; leaves that collect gradients."""
        from dressage.spec.policy import Outputs

        old, noise = self.experience(), self._noise
        return Outputs(
            logprobs=((old.logprobs + 0.1 * noise(7)) * old.mask).requires_grad_(),
            values=((old.values + 0.1 * noise(8)) * old.mask).requires_grad_(),
            entropy=(noise(9).abs() * old.mask).requires_grad_(),
            mask=old.mask,
        )

    def _mask(self) -> Tensor:
        import torch

        lengths = torch.tensor(LENGTHS, device=self.device)
        return (torch.arange(TOKENS, device=self.device) < lengths[:, None]).float()

    def _noise(self, seed: int) -> Tensor:
        import torch

        generator = torch.Generator().manual_seed(seed)
        return torch.randn(len(LENGTHS), TOKENS, generator=generator).to(self.device)

    def test_advantages_have_the_shape_of_the_rewards(self) -> None:
        """Advantages and returns are [B, T], finite, without a gradient, on the device."""
        given = self.trajectories()
        for name, tensor in zip(("advantages", "returns"), self.make().advantages(given), strict=True):
            shape, wanted = tuple(tensor.shape), tuple(given.rewards.shape)
            assert shape == wanted, f"{name} have shape {shape}, not {wanted}"
            assert bool(tensor.isfinite().all()), f"{name} are not finite"
            assert not tensor.requires_grad, f"{name} must carry no gradient"
            assert tensor.device == given.rewards.device, f"{name} are on {tensor.device}"

    def test_advantages_ignore_masked_tokens(self) -> None:
        """Rewards and values at masked tokens have no effect on the others."""
        given = self.trajectories()
        junk = JUNK * (1 - given.mask)
        optimizer = self.make()
        plain = optimizer.advantages(given)
        dirty = self.make().advantages(replace(given, rewards=given.rewards + junk, values=given.values - junk))
        for name, a, b in zip(("advantages", "returns"), plain, dirty, strict=True):
            assert _equal(a * given.mask, b * given.mask), f"{name} depend on what masked tokens hold"

    def test_advantages_ignore_padding(self) -> None:
        """Three more masked columns change nothing."""
        given = self.trajectories()
        wide = replace(given, rewards=_pad(given.rewards), values=_pad(given.values), mask=_pad(given.mask))
        for name, a, b in zip(
            ("advantages", "returns"), self.make().advantages(given), self.make().advantages(wide), strict=True
        ):
            assert _equal(a * given.mask, b[:, :TOKENS] * given.mask), f"{name} depend on the padding's width"

    def test_changes_no_tensor_in_place(self) -> None:
        """What it was given is afterwards as before."""
        given, outputs, experience = self.trajectories(), self.outputs(), self.experience()
        copies = [[getattr(part, name).clone() for name in vars(part)] for part in (given, outputs, experience)]
        optimizer = self.make()
        optimizer.advantages(given)
        optimizer.loss(outputs, experience)
        for part, before in zip((given, outputs, experience), copies, strict=True):
            for (name, tensor), was in zip(vars(part).items(), before, strict=True):
                assert _equal(tensor, was, 0.0), f"{type(part).__name__}.{name} was changed in place"

    def test_bears_short_and_empty_responses(self) -> None:
        """A response of one token and one of none leave everything finite, gradients too."""
        import torch

        mask = self._mask()
        mask[0], mask[1, 1:] = 0, 0
        given, experience = _masked(self.trajectories(), mask), _masked(self.experience(), mask)
        outputs = _leaves(_masked(self.outputs(), mask))
        optimizer = self.make()
        for tensor in optimizer.advantages(given):
            assert bool(tensor.isfinite().all()), "advantages are not finite where a response is empty"
        losses = optimizer.loss(outputs, experience)
        check_losses(losses)
        losses.loss.backward()
        gradient = outputs.logprobs.grad
        assert gradient is not None and bool(torch.isfinite(gradient).all()), "the gradient is not finite"  # noqa: PT018

    def test_loss_is_a_scalar_with_a_gradient(self) -> None:
        """It reaches the log-probabilities of response tokens, and the values where it uses them."""
        outputs = self.outputs()
        losses = self.make().loss(outputs, self.experience())
        check_losses(losses)
        losses.loss.backward()
        wanted = {"logprobs": outputs.logprobs}
        if self.component.uses_values:  # type: ignore[attr-defined]
            wanted["values"] = outputs.values
        for name, leaf in wanted.items():
            assert leaf.grad is not None, f"the loss does not depend on outputs.{name}"
            assert bool((leaf.grad * outputs.mask).abs().sum() > 0), f"the gradient of outputs.{name} is zero"
            assert bool(leaf.grad.isfinite().all()), f"the gradient of outputs.{name} is not finite"

    def test_loss_ignores_masked_tokens(self) -> None:
        """Whatever they hold, the loss is the same and no gradient goes to them."""
        experience, outputs = self.experience(), self.outputs()
        plain = self.make().loss(outputs, experience).loss
        dirty = _leaves(_with_junk(outputs))
        loss = self.make().loss(dirty, _with_junk(experience)).loss
        assert _equal(plain, loss), f"{number(plain)} became {number(loss)} with other values at masked tokens"
        loss.backward()
        for name in ("logprobs", "values", "entropy"):
            gradient = getattr(dirty, name).grad
            if gradient is not None:
                assert _equal(gradient * (1 - outputs.mask), 0 * gradient), f"masked outputs.{name} get a gradient"

    def test_loss_ignores_padding(self) -> None:
        """Three more masked columns change nothing."""
        narrow, wide = (self.make().loss(f(self.outputs()), f(self.experience())).loss for f in (_same, _wider))
        assert _equal(narrow, wide), f"the loss is {number(narrow)}, and {number(wide)} with wider padding"

    def test_loss_is_a_mean_over_its_unit(self) -> None:
        """Two microbatches, weighted by their count of units, make the loss of the whole."""
        optimizer, experience, outputs = self.make(), self.experience(), self.outputs()
        whole = optimizer.loss(outputs, experience).loss
        total, count = 0.0, 0.0
        for part in (slice(0, 3), slice(3, None)):
            loss = optimizer.loss(_rows(outputs, part), _rows(experience, part)).loss
            units = float(experience.mask[part].sum() if optimizer.unit == "token" else len(experience.mask[part]))
            total, count = total + units * number(loss), count + units
        assert abs(total / count - number(whole)) < 1e-4 * max(1.0, abs(number(whole))), (
            f"the loss of the whole is {number(whole)}, but {total / count} put together from two microbatches "
            f"weighted by {optimizer.unit}s; take masked_mean, or set `unit`"
        )

    def test_same_question_gets_the_same_answer(self) -> None:
        """A fresh instance gives the same advantages and the same loss."""
        first, second = self.make(), self.make()
        for a, b in zip(first.advantages(self.trajectories()), second.advantages(self.trajectories()), strict=True):
            assert _equal(a, b, 0.0), "advantages differ between two instances"
        losses = [one.loss(self.outputs(), self.experience()).loss for one in (first, second)]
        assert _equal(losses[0], losses[1], 0.0), "the loss differs between two instances"

    def test_raises_the_reward_of_a_tiny_policy(self) -> None:
        """Forty iterations on a bandit bring the share of the rewarded token from a fifth to over half."""
        from dressage.testing.policy import tiny_policy

        if not self.learns:
            return
        policy = tiny_policy(device=self.device)
        means = policy.improve(self.make(), lambda tokens, mask: ((tokens == 1) * mask).sum(1) / tokens.shape[1])
        assert sum(means[-5:]) / 5 > 0.5, f"the mean reward went from {means[0]:.2f} to {means[-1]:.2f}"


def check_losses(losses: Losses) -> None:
    """Fails unless the loss is a finite scalar that carries a gradient, and the metrics are finite scalars."""
    import math

    assert losses.loss.ndim == 0, f"the loss has shape {tuple(losses.loss.shape)}; it must be a scalar"
    assert math.isfinite(number(losses.loss)), f"the loss is {number(losses.loss)}"
    assert losses.loss.requires_grad, "the loss carries no gradient"
    assert isinstance(losses.metrics, Mapping), "metrics must be a mapping"
    for name, value in losses.metrics.items():
        assert getattr(value, "ndim", 0) == 0, f"metric {name!r} is no scalar"
        assert math.isfinite(number(value)), f"metric {name!r} is {number(value)}"


def number(value: Tensor | float) -> float:
    """A scalar as a plain number, whether it carries a gradient or not."""
    return float(value.detach()) if hasattr(value, "detach") else float(value)


def _equal(left: Tensor, right: Tensor, tolerance: float = 1e-4) -> bool:
    import torch

    return torch.allclose(left, right, rtol=tolerance, atol=tolerance)


def _pad(tensor: Tensor) -> Tensor:
    from torch.nn.functional import pad

    return pad(tensor, (0, 3))


def _same(part: Any) -> Any:
    return part


def _wider(part: Any) -> Any:
    return replace(part, **{name: _pad(tensor) for name, tensor in vars(part).items()})


def _tensors(part: Any) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in vars(part).items() if name not in ("mask", "groups")}


def _masked(part: Any, mask: Tensor) -> Any:
    return replace(part, mask=mask, **{name: tensor.detach() * mask for name, tensor in _tensors(part).items()})


def _with_junk(part: Any) -> Any:
    junk = JUNK * (1 - part.mask)
    return replace(part, **{name: tensor.detach() + junk for name, tensor in _tensors(part).items()})


def _leaves(part: Any) -> Any:
    return replace(part, **{name: tensor.detach().requires_grad_() for name, tensor in _tensors(part).items()})


def _rows(part: Any, rows: slice) -> Any:
    return replace(part, **{name: tensor[rows] for name, tensor in vars(part).items()})
