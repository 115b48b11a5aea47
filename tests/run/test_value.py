"""The value head: the ridge solution against plain numpy, gradients, and a restart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dressage.run import checkpoint
from dressage.run.value import ValueHead
from dressage.spec.console import Quiet
from dressage.spec.sections import ValueConfig


def head(width=3, **config):
    return ValueHead(width, ValueConfig(**config), torch.device("cpu"))


def data(count, width=3, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, width)).astype(np.float32)
    return x, (x @ np.arange(1, width + 1) + 5 + random.normal(size=count) * 0.1).astype(np.float32)


def ridge(batches, strength):
    """min over w, b of sum_i c_i (x_i w + b - r_i)^2 + lambda |w|^2, by rows scaled with sqrt(c)."""
    weights = [0.5 ** (len(batches) - 1 - k) for k in range(len(batches))]
    x = np.concatenate([c**0.5 * np.c_[x, np.ones(len(x))] for c, (x, _) in zip(weights, batches, strict=True)])
    r = np.concatenate([c**0.5 * r for c, (_, r) in zip(weights, batches, strict=True)])
    penalty = strength * (x[:, :-1] ** 2).sum(0).mean()
    rows = np.c_[np.eye(x.shape[1] - 1) * penalty**0.5, np.zeros(x.shape[1] - 1)]
    solved = np.linalg.lstsq(np.r_[x, rows], np.r_[r, np.zeros(len(rows))], rcond=None)[0]
    return solved[:-1], solved[-1]


@pytest.mark.parametrize("strength", [1e-6, 0.1, 1.0])
@pytest.mark.parametrize("sizes", [(40,), (40, 10), (7, 30, 20)])
def test_the_ridge_solution_is_that_of_least_squares(strength, sizes):
    found, batches = head(ridge=strength), [data(n, seed=k) for k, n in enumerate(sizes)]
    for x, r in batches:
        found.fit(torch.tensor(x), torch.tensor(r))
    weight, bias = ridge(batches, strength)
    assert np.allclose(found.linear.weight.detach().numpy()[0], weight, atol=1e-4)
    assert float(found.linear.bias) == pytest.approx(bias, abs=1e-4)


def test_the_intercept_is_not_penalised():
    found = head(ridge=1e6)
    found.fit(torch.randn(50, 3), torch.full((50,), 7.0))
    assert torch.allclose(found(torch.randn(4, 3)), torch.tensor(7.0), atol=1e-3)


def test_more_features_than_rows_are_solved():
    found = head(width=40, ridge=0.1)
    found.fit(torch.randn(5, 40), torch.randn(5))
    assert found.linear.weight.isfinite().all()


def test_values_are_zero_before_the_first_fit():
    assert not head()(torch.randn(2, 4, 3)).any()


def test_values_are_one_a_state():
    assert head()(torch.randn(2, 4, 3)).shape == (1, 2, 4)


def test_a_solved_head_has_nothing_to_train():
    assert head().trained == []
    assert len(head(fit="gradient").trained) == 2


def test_a_trained_head_is_not_solved():
    found = head(fit="gradient")
    found.fit(*map(torch.tensor, data(20)))
    assert not found.linear.weight.any()


def test_a_head_learns_by_its_gradient():
    found = head(fit="gradient")
    x, r = map(torch.tensor, data(60))
    optimizer = torch.optim.Adam(found.trained, lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (found(x) - r).square().mean()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05
    assert torch.allclose(found.linear.weight[0], torch.tensor([1.0, 2.0, 3.0]), atol=0.1)


@pytest.mark.parametrize(
    ("config", "reaches"),
    [
        ({"fit": "ridge"}, False),
        ({"fit": "gradient"}, False),
        ({"fit": "gradient", "detach": False}, True),
        ({"fit": "ridge", "detach": False}, False),
    ],
)
def test_the_value_loss_reaches_the_adapter_only_where_asked(config, reaches):
    states = torch.randn(4, 3, requires_grad=True)
    found = head(**config)
    torch.nn.init.ones_(found.linear.weight)
    found(states).sum().backward()
    assert (states.grad is not None) is reaches


def test_a_head_comes_back_from_a_checkpoint_and_goes_on(tmp_path):
    first, second, batches = head(), head(), [data(20, seed=k) for k in (1, 2)]
    first.fit(*map(torch.tensor, batches[0]))
    checkpoint.save(tmp_path, 1, first.state_dict())
    second.load_state_dict(checkpoint.load_latest(tmp_path, Quiet()))
    assert torch.equal(second.linear.weight, first.linear.weight)
    for one in (first, second):
        one.fit(*map(torch.tensor, batches[1]))
    assert torch.equal(second.linear.weight, first.linear.weight)
    assert torch.equal(second.linear.bias, first.linear.bias)
