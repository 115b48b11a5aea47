"""What SFT learns from a row, and its loss."""

import math

import pytest
import torch
from dressage import Context, Example, Message, SequenceOutputs
from dressage.testing import ByteEncoder, OptimizerContract
from dressage_sft.optimizer import SFT
from dressage_sft.options import SFTOptions
from pydantic import ValidationError

BOS, END, ASK, REPLY = 257, 258, 259, 260
ROW = Example(prompt=(Message("user", "hi"),), response="yo")
TURNS = Example(prompt=(Message("user", "a"), Message("assistant", "bcd"), Message("user", "e")), response="fgh")


class TestDefaults(OptimizerContract):
    component = SFT


class TestAllTurns(OptimizerContract):
    component = SFT
    options = {"turns": "all", "answer_tokens": 3}


class TestPlainText(OptimizerContract):
    component = SFT
    learns_from = ("text",)


def collate(example, limit=512, **options):
    sequences = SFT(SFTOptions(**options), Context()).collate(example, ByteEncoder(limit=limit))
    return None if sequences is None else sequences[0]


def learnt(example, **options):
    """The learnt tokens, with marks for those that are no bytes."""
    tokens = collate(example, **options)
    marks = {BOS: "^", END: "$", ASK: "?", REPLY: "!"}
    return "".join(marks.get(i) or chr(i) for i, m in zip(tokens.ids, tokens.mask, strict=True) if m)


def test_a_demonstration_is_prompt_then_answer():
    assert collate(ROW).ids == (BOS, ASK, *b"hi", END, REPLY, *b"yo", END)


def test_the_answer_and_its_end_are_learnt_and_the_prompt_is_not():
    assert learnt(ROW) == "yo$"


def test_only_the_last_turn_is_learnt_by_default():
    assert learnt(TURNS) == "fgh$"


def test_all_turns_of_the_assistant_can_be_learnt():
    assert learnt(TURNS, turns="all") == "bcd$fgh$"


def test_the_systems_turn_is_never_learnt():
    row = Example(prompt=(Message("system", "s"), *TURNS.prompt), response="fgh")
    assert learnt(row, turns="all") == "bcd$fgh$"


def test_a_turn_that_the_template_rewrites_is_not_learnt():
    class Forgetful(ByteEncoder):
        """Writes earlier answers in capitals, as a template that drops hidden reasoning changes them."""

        def prompt(self, messages):
            return super().prompt(
                [Message(m.role, m.content.upper() if m.role == "assistant" else m.content) for m in messages]
            )

    (tokens,) = SFT(SFTOptions(turns="all"), Context()).collate(TURNS, Forgetful())
    assert sum(tokens.mask) == len("fgh$")


def test_answer_tokens_learn_the_start_and_no_end():
    tokens = collate(ROW, answer_tokens=1)
    assert tokens.ids == (BOS, ASK, *b"hi", END, REPLY, *b"y")
    assert sum(tokens.mask) == 1


def test_answer_tokens_leave_an_answer_that_fits_its_end():
    assert learnt(ROW, answer_tokens=3) == "yo$"


def test_answer_tokens_hold_for_each_turn():
    assert learnt(TURNS, turns="all", answer_tokens=2) == "bcfg"


def test_a_long_prompt_is_cut_on_its_left():
    # 9 tokens in all; the answer's 3 stay whole
    assert collate(ROW, limit=5).ids == (END, REPLY, *b"yo", END)


def test_the_mask_is_cut_with_the_prompt():
    # of "bcd$" the limit leaves "cd$", whose first token nothing comes before
    assert learnt(TURNS, turns="all", limit=len("cd$?e$!") + len("fgh$")) == "d$fgh$"


def test_an_answer_that_just_fits_keeps_one_token_before_it():
    assert collate(ROW, limit=4).ids == (REPLY, *b"yo", END)


def test_an_answer_that_does_not_fit_drops_the_row():
    assert collate(ROW, limit=3) is None


def test_answer_tokens_make_a_long_answer_fit():
    assert collate(ROW, limit=3, answer_tokens=2).ids == (REPLY, *b"yo")


def test_a_plain_text_learns_all_tokens_but_the_first():
    tokens = collate(Example(text="ab"))
    assert tokens.ids == (BOS, *b"ab", END)
    assert tokens.mask == (False, True, True, True)


def test_a_plain_text_need_not_end():
    assert collate(Example(text="ab"), end=False).ids == (BOS, *b"ab")


def test_a_long_plain_text_keeps_its_start_and_teaches_no_end():
    assert collate(Example(text="abcdef"), limit=3).ids == (BOS, *b"ab")


def test_a_text_without_anything_to_learn_drops_the_row():
    assert collate(Example(text=""), end=False) is None


@pytest.mark.parametrize("row", [Example(prompt=ROW.prompt), Example(prompt=ROW.prompt, chosen="good", rejected="bad")])
def test_prompts_and_comparisons_are_not_used(row):
    assert collate(row) is None


def outputs(logprobs, mask, correct=None):
    return SequenceOutputs(*(None if x is None else torch.tensor(x) for x in (logprobs, mask)), correct=correct)


def test_the_loss_is_the_mean_over_tokens_not_over_rows():
    # -(1 + 2 + 3 + 6) / 4, where a mean of row means would be 4
    made = outputs([[[-1.0, -2.0, -3.0]], [[-6.0, 0.0, 0.0]]], [[[1.0, 1, 1]], [[1, 0, 0]]])
    assert SFT(SFTOptions(), Context()).loss(made).loss == 3


def test_the_accuracy_is_a_share_of_learnt_tokens():
    made = outputs([[[-1.0, -2.0, -3.0]]], [[[1.0, 1, 0]]], torch.tensor([[[1.0, 0, 1]]]))
    assert SFT(SFTOptions(), Context()).loss(made).metrics["accuracy"] == 0.5


def test_a_uniform_model_has_the_log_of_its_vocabulary_as_loss():
    made = outputs([[[-math.log(7)] * 3]], [[[1.0, 1, 1]]])
    assert SFT(SFTOptions(), Context()).loss(made).loss.item() == pytest.approx(math.log(7))


@pytest.mark.parametrize("options", [{"turns": "first"}, {"answer_tokens": 0}, {"lr": 1}])
def test_a_wrong_option_is_refused(options):
    with pytest.raises(ValidationError):
        SFTOptions(**options)


def test_a_continued_text_is_read_without_a_template_and_only_what_goes_on_is_learnt():
    row = Example(text="ab", response="cd")
    assert learnt(row) == "cd$"
    assert learnt(row, end=False) == "cd"
    assert collate(row, end=False).ids == ByteEncoder().plain("abcd")


def test_a_continuation_that_does_not_fit_is_left_out():
    assert collate(Example(text="ab", response="cd"), limit=4) is None
