"""The tiny policy samples, masks and learns as its docstring says."""

import torch
from dressage.testing import tiny_policy


def test_response_ends_with_its_first_end_token() -> None:
    tokens, mask = tiny_policy(length=4).sample(200)
    assert tokens.shape == mask.shape == (200, 4)
    for row, kept in zip(tokens.tolist(), mask.tolist(), strict=True):
        length = row.index(0) + 1 if 0 in row else 4
        assert kept == [1.0] * length + [0.0] * (4 - length)


def test_uniform_policy_says_log_of_the_vocabulary() -> None:
    policy = tiny_policy(vocabulary=5)
    tokens, mask = policy.sample(3)
    outputs = policy.outputs(tokens, mask)
    assert torch.allclose(outputs.logprobs, -torch.log(torch.tensor(5.0)) * mask)
    assert torch.allclose(outputs.entropy, torch.log(torch.tensor(5.0)) * mask)


def test_same_seed_samples_the_same() -> None:
    assert torch.equal(tiny_policy(seed=3).sample(9)[0], tiny_policy(seed=3).sample(9)[0])
    assert not torch.equal(tiny_policy(seed=3).sample(9)[0], tiny_policy(seed=4).sample(9)[0])


def test_improvement_is_reported_an_iteration() -> None:
    class Still:
        uses_values = False

        def advantages(self, trajectories):
            return trajectories.rewards, trajectories.rewards

        def loss(self, outputs, experience):
            from dressage import Losses

            return Losses((outputs.logprobs * 0).sum())

    means = tiny_policy().improve(Still(), lambda tokens, mask: mask.sum(1), iterations=3)
    assert len(means) == 3
    assert all(1.0 <= mean <= 3.0 for mean in means)
