"""What the reward model learns from a comparison, and its loss."""

import pytest
import torch
from dressage import Context, Example, Message, SequenceOutputs
from dressage.testing import ByteEncoder, FittedRewardContract
from dressage_reward_model.options import RewardModelOptions
from dressage_reward_model.reward import RewardModel
from pydantic import ValidationError

BOS, END, ASK, REPLY = 257, 258, 259, 260
PAIR = Example(prompt=(Message("user", "hi"),), chosen="good", rejected="no")


class TestDefaults(FittedRewardContract):
    component = RewardModel


class TestSmoothed(FittedRewardContract):
    component = RewardModel
    options = {"label_smoothing": 0.1, "center": 0.0}


def model(**options):
    return RewardModel(RewardModelOptions(**options), Context())


def loss(scores, **options):
    scores = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    empty = torch.zeros(*scores.shape, 0)
    return model(**options).loss(SequenceOutputs(empty, empty, scores=scores)), scores


def test_an_item_is_the_chosen_then_the_rejected_answer():
    chosen, rejected = model().collate(PAIR, ByteEncoder())
    prompt = (BOS, ASK, *b"hi", END, REPLY)
    assert (chosen.ids, rejected.ids) == ((*prompt, *b"good", END), (*prompt, *b"no", END))


def test_the_mask_is_on_the_answers():
    chosen, rejected = model().collate(PAIR, ByteEncoder())
    assert (chosen.mask, rejected.mask) == ((False,) * 6 + (True,) * 5, (False,) * 6 + (True,) * 3)


def test_a_long_prompt_is_cut_alike_for_both_answers():
    chosen, rejected = model().collate(PAIR, ByteEncoder(limit=7))
    assert (chosen.ids, rejected.ids) == ((END, REPLY, *b"good", END), (END, REPLY, *b"no", END))


def test_a_pair_with_an_answer_that_does_not_fit_is_dropped():
    assert model().collate(PAIR, ByteEncoder(limit=5)) is None


def test_the_longer_answer_decides_whichever_it_is():
    turned = Example(prompt=PAIR.prompt, chosen="no", rejected="good")
    assert [len(tokens.ids) for tokens in model().collate(turned, ByteEncoder(limit=7))] == [5, 7]
    assert model().collate(turned, ByteEncoder(limit=5)) is None


def test_a_pair_of_equal_answers_is_dropped():
    assert model().collate(Example(prompt=PAIR.prompt, chosen="a", rejected="a"), ByteEncoder()) is None


def test_a_demonstration_is_not_used():
    assert model().collate(Example(prompt=PAIR.prompt, response="a"), ByteEncoder()) is None


def test_an_untrained_model_has_loss_log_two():
    assert loss([[0, 0], [0, 0]])[0].loss.item() == pytest.approx(0.693147, abs=1e-6)


def test_a_gap_of_one_by_hand():
    assert loss([[0.5, -0.5]])[0].loss.item() == pytest.approx(0.313262, abs=1e-6)


def test_the_gradient_raises_the_chosen_and_lowers_the_rejected():
    losses, scores = loss([[0, 0]])
    losses.loss.backward()
    assert scores.grad.tolist() == [[-0.5, 0.5]]


def test_center_adds_the_squared_mean_score_of_each_pair():
    # pairs at levels 2 and -2 do not cancel
    losses = [loss([[2.5, 1.5], [-1.5, -2.5]], center=center)[0].loss.item() for center in (0.1, 0.0)]
    assert losses[0] - losses[1] == pytest.approx(0.1 * 4)


def test_center_does_not_touch_the_margin():
    gradients = []
    for center in (1.0, 0.0):
        losses, scores = loss([[3, 1]], center=center)
        losses.loss.backward()
        gradients.append((scores.grad[0, 0] - scores.grad[0, 1]).item())
    assert gradients[0] == pytest.approx(gradients[1])


def test_label_smoothing_by_hand():
    # .9 * .313262 + .1 * 1.313262
    assert loss([[0.5, -0.5]], label_smoothing=0.1)[0].loss.item() == pytest.approx(0.413262, abs=1e-6)


def test_accuracy_and_margin_by_hand():
    metrics = loss([[2, 1], [0, 3], [1, 1], [5, 0]])[0].metrics
    assert (metrics["accuracy"].item(), metrics["margin"].item()) == (0.625, 0.75)


def test_metrics_carry_no_gradient():
    assert not any(x.requires_grad for x in loss([[2, 1]])[0].metrics.values())


def test_the_base_is_the_runs_by_default():
    assert model().base is None


def test_another_base_keeps_its_name():
    assert model(base="someone/model").base == "someone/model"


def test_a_folder_is_relative_to_the_yaml(tmp_path):
    (tmp_path / "judge").mkdir()
    made = RewardModel(RewardModelOptions(base="judge"), Context(folder=tmp_path))
    assert made.base == str(tmp_path / "judge")


@pytest.mark.parametrize("options", [{"label_smoothing": 0.5}, {"center": -1}, {"base": 3}, {"beta": 1}])
def test_a_wrong_option_is_refused(options):
    with pytest.raises(ValidationError):
        RewardModelOptions(**options)
