"""The constrained bandit: a stage whose policy chooses one of two tokens, one of them rewarded and limited."""

from __future__ import annotations

import math

import pytest
import torch
from dressage.spec.components import Context
from dressage.spec.types import Message, Prompt
from dressage_ppo.optimizer import PPO
from dressage_ppo.options import PPOOptions

GOOD, OTHER = 40, 41
LIMIT, BETA = 0.3, 0.5
MULTIPLIER = 1 - BETA * math.log(LIMIT / (1 - LIMIT))
"""1.42, with the KL penalty in the reward's stream alone: where reward - multiplier * cost - beta KL has its maximum
over P at the limit. 2.47 would be a penalty in both."""


def bandit(make_stage):
    """Reward 1 and cost 1 on one token, 0 on the other; the reference is indifferent."""
    stage = make_stage(
        stirred=False,
        asked=[Prompt((Message("user", "which?"),))],
        limit={"max": LIMIT},
        kl={"beta": BETA},
        rollout={"prompts": 1, "samples": 128, "max_new_tokens": 1},
        update={"learning_rate": 5e-4, "microbatch": 128},
    )
    stage.optimizer = PPO(PPOOptions(), Context())
    network = stage.network
    whole = network.pad([stage._encode(stage.prompts[0])])
    with torch.no_grad():
        logits = network.hidden(whole, None)[0, -1] @ network.head[0].T
    bias = torch.full_like(logits, -1e4)
    bias[[GOOD, OTHER]] = 0.0
    network.transform = lambda found: 10 * (found - logits) + bias
    for source in stage.sources:
        source.ask = lambda batch, rows: [float(stage.samples[row].ids[0] == GOOD) for row in rows]
    return stage


def mean(turns, name):
    return sum(metrics[name] for metrics in turns) / len(turns)


def test_the_constrained_bandit_settles_at_its_limit(make_stage):
    stage = bandit(make_stage)
    settled = [stage.iterate(i).metrics for i in range(1, 81)][40:]
    assert mean(settled, "limit.cost.mean") == pytest.approx(LIMIT, abs=0.03)
    assert mean(settled, "limit.cost.max.multiplier") == pytest.approx(MULTIPLIER, abs=0.1)
