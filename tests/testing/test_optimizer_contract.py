"""The contracts of optimizers and fitted rewards pass good ones, and catch one that breaks each rule."""

import itertools
from collections.abc import Callable
from typing import TypeAlias

import pytest
import torch
from dressage import (
    Encoder,
    Example,
    Experience,
    FittedReward,
    Losses,
    NoOptions,
    OfflineOptimizer,
    OnlineOptimizer,
    Outputs,
    SequenceOutputs,
    Tokens,
    Trajectories,
)
from dressage.ops import gae, group_center, masked_mean
from dressage.testing import FittedRewardContract, OptimizerContract
from torch import Tensor
from torch.nn.functional import logsigmoid

Failures: TypeAlias = Callable[..., dict[str, str]]
_MADE = itertools.count()

# --- online ----------------------------------------------------------------------------------------------------------


class Reinforce(OnlineOptimizer[NoOptions]):
    """REINFORCE with the mean of the prompt's samples as baseline; no values."""

    uses_values = False

    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        scores = (trajectories.rewards * trajectories.mask).sum(1)
        advantages = group_center(scores, trajectories.groups)[:, None] * trajectories.mask
        return advantages, advantages

    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses(masked_mean(-experience.advantages * outputs.logprobs, outputs.mask))


class ActorCritic(OnlineOptimizer[NoOptions]):
    """Generalised advantages and a squared error of the values."""

    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        return gae(trajectories.rewards, trajectories.values, trajectories.mask, gamma=1.0, lam=0.95)

    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        error = masked_mean((outputs.values - experience.returns).square(), outputs.mask)
        policy = masked_mean(-experience.advantages * outputs.logprobs, outputs.mask)
        return Losses(policy + 0.5 * error, {"value_loss": error.detach()})


class PerResponse(Reinforce):
    """A mean over responses of sums over tokens."""

    unit = "item"

    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses((-experience.advantages * outputs.logprobs * outputs.mask).sum(1).mean())


class WrongShape(ActorCritic):
    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        advantages, returns = super().advantages(trajectories)
        return advantages.sum(1), returns


class ReadsMasked(ActorCritic):
    """A sum that forgets the mask."""

    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        togo = trajectories.rewards.flip(1).cumsum(1).flip(1)
        return togo - trajectories.values, togo


class ReadsWidth(ActorCritic):
    """Divides by the padded width."""

    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        advantages, returns = super().advantages(trajectories)
        return advantages / advantages.shape[1], returns


class InPlace(ActorCritic):
    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        trajectories.rewards[:, 0] += 1
        return super().advantages(trajectories)


class DividesByLength(Reinforce):
    """A mean over each response's tokens: 0/0 for an empty one."""

    unit = "item"

    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        sums = (-experience.advantages * outputs.logprobs * outputs.mask).sum(1)
        return Losses((sums / outputs.mask.sum(1)).mean())


class Vector(Reinforce):
    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses((-experience.advantages * outputs.logprobs).mean(1))


class Detached(ActorCritic):
    """Never trains the values that it says it uses."""

    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses(masked_mean(-experience.advantages * outputs.logprobs, outputs.mask))


class NoGradient(Reinforce):
    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses(super().loss(outputs, experience).loss.detach())


class PlainMean(Reinforce):
    """A mean that counts padding."""

    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses((-experience.advantages * outputs.logprobs * outputs.mask).mean())


class SumsUp(Reinforce):
    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses((-experience.advantages * outputs.logprobs * outputs.mask).sum())


class UnmaskedLoss(Reinforce):
    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses((-experience.advantages * outputs.logprobs).sum() / outputs.mask.sum())


class NanMetric(Reinforce):
    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses(super().loss(outputs, experience).loss, {"entropy": float("nan")})


class Noisy(Reinforce):
    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses(super().loss(outputs, experience).loss + next(_MADE))


class WrongSign(Reinforce):
    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        return Losses(-super().loss(outputs, experience).loss)


@pytest.mark.parametrize("good", [Reinforce, ActorCritic, PerResponse])
def test_contract_passes_a_good_online_optimizer(failures: Failures, good: type) -> None:
    assert failures(OptimizerContract, good) == {}


@pytest.mark.parametrize(
    ("broken", "caught"),
    [
        (WrongShape, "test_advantages_have_the_shape_of_the_rewards"),
        (ReadsMasked, "test_advantages_ignore_masked_tokens"),
        (ReadsWidth, "test_advantages_ignore_padding"),
        (InPlace, "test_changes_no_tensor_in_place"),
        (DividesByLength, "test_bears_short_and_empty_responses"),
        (Vector, "test_loss_is_a_scalar_with_a_gradient"),
        (Detached, "test_loss_is_a_scalar_with_a_gradient"),
        (NoGradient, "test_loss_is_a_scalar_with_a_gradient"),
        (NanMetric, "test_loss_is_a_scalar_with_a_gradient"),
        (UnmaskedLoss, "test_loss_ignores_masked_tokens"),
        (PlainMean, "test_loss_is_a_mean_over_its_unit"),
        (PlainMean, "test_loss_ignores_padding"),
        (SumsUp, "test_loss_is_a_mean_over_its_unit"),
        (Noisy, "test_same_question_gets_the_same_answer"),
        (WrongSign, "test_raises_the_reward_of_a_tiny_policy"),
    ],
)
def test_contract_catches_an_online_optimizer(failures: Failures, broken: type, caught: str) -> None:
    assert caught in failures(OptimizerContract, broken)


# --- offline ---------------------------------------------------------------------------------------------------------


class Imitation(OfflineOptimizer[NoOptions]):
    """The negative log-likelihood of demonstrations."""

    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        if example.response is None:
            return None
        asked, answer = encode.prompt(example.prompt), encode.answer(example.response)
        return (Tokens((*asked, *answer), (False,) * len(asked) + (True,) * len(answer)),)

    def loss(self, outputs: SequenceOutputs) -> Losses:
        return Losses(-masked_mean(outputs.logprobs, outputs.mask))


def _pair(example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
    if example.chosen is None or example.rejected is None:
        return None
    asked, made = encode.prompt(example.prompt), []
    for text in (example.chosen, example.rejected):
        answer = encode.answer(text)
        made.append(Tokens((*asked, *answer), (False,) * len(asked) + (True,) * len(answer)))
    return tuple(made)


class Preference(OfflineOptimizer[NoOptions]):
    """Direct preference optimisation."""

    unit = "item"
    needs = "comparisons"
    needs_reference = True

    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        return _pair(example, encode)

    def loss(self, outputs: SequenceOutputs) -> Losses:
        assert outputs.ref_logprobs is not None
        chosen, rejected = ((outputs.logprobs - outputs.ref_logprobs) * outputs.mask).sum(-1).unbind(1)
        return Losses(-logsigmoid(0.1 * (chosen - rejected)).mean())


class Ranking(FittedReward[NoOptions]):
    """The Bradley-Terry model of preferences."""

    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        return _pair(example, encode)

    def loss(self, outputs: SequenceOutputs) -> Losses:
        assert outputs.scores is not None
        return Losses(-logsigmoid(outputs.scores[:, 0] - outputs.scores[:, 1]).mean())


class NeverUses(Imitation):
    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        return None


class ShortMask(Imitation):
    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        made = super().collate(example, encode)
        return made and (Tokens(made[0].ids, made[0].mask[1:]),)


class LearnsNothing(Imitation):
    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        made = super().collate(example, encode)
        return made and (Tokens(made[0].ids, (False,) * len(made[0].ids)),)


class Raises(Imitation):
    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        encode.answer(example.response)  # type: ignore[arg-type]
        return super().collate(example, encode)


class Uneven(Imitation):
    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        made = super().collate(example, encode)
        return made and made * (1 + len(example.prompt) % 2)


class Changing(Imitation):
    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        made = super().collate(example, encode)
        return made and (Tokens((next(_MADE) % 256, *made[0].ids), (False, *made[0].mask)),)


class CountsPadding(Imitation):
    def loss(self, outputs: SequenceOutputs) -> Losses:
        return Losses(-(outputs.logprobs * outputs.mask).mean())


class LooksAtMasked(Imitation):
    def loss(self, outputs: SequenceOutputs) -> Losses:
        return Losses(-outputs.logprobs.sum() / outputs.mask.sum())


class ItemsAsTokens(Preference):
    unit = "token"


class Constant(Imitation):
    def loss(self, outputs: SequenceOutputs) -> Losses:
        return Losses(torch.zeros((), requires_grad=True) + 1)


class SpreadOfTokens(Imitation):
    """Undefined for one token."""

    def loss(self, outputs: SequenceOutputs) -> Losses:
        return Losses(super().loss(outputs).loss, {"spread": outputs.logprobs[outputs.mask > 0].std().detach()})


class WrongHead(Ranking):
    def loss(self, outputs: SequenceOutputs) -> Losses:
        return Losses(-masked_mean(outputs.logprobs.requires_grad_(), outputs.mask))


@pytest.mark.parametrize("good", [Imitation, Preference])
def test_contract_passes_a_good_offline_optimizer(failures: Failures, good: type) -> None:
    assert failures(OptimizerContract, good) == {}


def test_contract_passes_a_good_fitted_reward(failures: Failures) -> None:
    assert failures(FittedRewardContract, Ranking) == {}


@pytest.mark.parametrize(
    ("broken", "caught"),
    [
        (NeverUses, "test_collates_the_rows_it_needs"),
        (ShortMask, "test_collates_the_rows_it_needs"),
        (LearnsNothing, "test_collates_the_rows_it_needs"),
        (Raises, "test_collates_or_refuses_every_row"),
        (Uneven, "test_collates_or_refuses_every_row"),
        (Changing, "test_collate_changes_nothing_and_repeats_itself"),
        (LooksAtMasked, "test_loss_ignores_masked_tokens"),
        (CountsPadding, "test_loss_ignores_padding"),
        (ItemsAsTokens, "test_loss_is_a_mean_over_its_unit"),
        (Constant, "test_loss_is_a_scalar_with_a_gradient"),
        (SpreadOfTokens, "test_loss_bears_a_single_item"),
    ],
)
def test_contract_catches_an_offline_optimizer(failures: Failures, broken: type, caught: str) -> None:
    assert caught in failures(OptimizerContract, broken)


def test_contract_catches_a_fitted_reward_that_trains_no_head(failures: Failures) -> None:
    assert "test_loss_is_a_scalar_with_a_gradient" in failures(FittedRewardContract, WrongHead)


def test_each_kind_gets_its_own_tests() -> None:
    class TestOnline(OptimizerContract):
        component = Reinforce

    class TestOffline(OptimizerContract):
        component = Imitation

    assert hasattr(TestOnline, "test_advantages_ignore_padding")
    assert not hasattr(TestOnline, "test_collates_the_rows_it_needs")
    assert hasattr(TestOffline, "test_collates_the_rows_it_needs")
    assert not hasattr(TestOffline, "test_advantages_ignore_padding")
