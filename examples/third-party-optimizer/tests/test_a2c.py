"""The contracts of a plugin and of an online optimizer, and A2C's numbers by hand."""

from pathlib import Path

import pytest
import torch
from dressage import Context, Experience, Outputs, Trajectories
from dressage.testing import OptimizerContract, PluginContract
from dressage_a2c import A2COptions, optimizer
from dressage_a2c.optimizer import A2C


class TestPlugin(PluginContract):
    plugin = "dressage_a2c"
    registers = {"optimizer": ["a2c"]}
    readme = Path(__file__).parents[1] / "README.md"


class TestA2C(OptimizerContract):
    component = A2C


def a2c(**options):
    return A2C(A2COptions(**options), Context(name="a2c"))


def row(*numbers):
    return torch.tensor([numbers], dtype=torch.float64)


def loss(*, logprobs, advantages, mask, values=None, returns=None, entropy=None, old=None, **options):
    zero = torch.zeros_like(logprobs)
    experience = Experience(
        logprobs if old is None else old, zero, zero, advantages, zero if returns is None else returns, mask
    )
    outputs = Outputs(logprobs, zero if values is None else values, zero if entropy is None else entropy, mask)
    return a2c(**options).loss(outputs, experience)


def test_advantages_are_the_rest_of_the_rewards_minus_the_value():
    advantages, returns = a2c().advantages(Trajectories(row(0.5, 1), row(0.2, 0.4), row(1, 1), torch.zeros(1)))
    assert advantages[0].tolist() == pytest.approx([1.3, 0.6])
    assert returns[0].tolist() == pytest.approx([1.5, 1.0])


def test_rewards_are_discounted():
    _, returns = a2c(gamma=0.5).advantages(Trajectories(row(0, 1), row(0, 0), row(1, 1), torch.zeros(1)))
    assert returns[0].tolist() == [0.5, 1]


def test_the_loss_by_hand():
    # policy (2 * 1 + 4 * 2) / 2 = 5; value .5 * (1 + 9) / 2 = 2.5; entropy (1 + 2) / 2 = 1.5
    losses = loss(
        logprobs=row(-1, -2, 9), advantages=row(2, 4, 9), values=row(1, 3, 9), entropy=row(1, 2, 9), mask=row(1, 1, 0)
    )
    assert losses.loss.item() == pytest.approx(5 + 0.5 * 2.5 - 0.01 * 1.5)


def test_the_policy_gradient_is_not_clipped():
    logprobs = row(3.0).requires_grad_()
    loss(logprobs=logprobs, old=row(0.0), advantages=row(2.0), mask=row(1)).loss.backward()
    assert logprobs.grad.item() == -2


def test_the_entropy_bonus_carries_a_gradient():
    entropy = row(1.0).requires_grad_()
    loss(logprobs=row(0.0), advantages=row(0.0), mask=row(1), entropy=entropy, entropy_coefficient=0.25).loss.backward()
    assert entropy.grad.item() == -0.25


def test_the_core_is_asked_for_the_gradient_of_the_entropy():
    assert A2C.uses_entropy


def test_the_optimizer_fits_in_120_lines():
    assert len(Path(optimizer.__file__).read_text(encoding="utf-8").splitlines()) < 120
