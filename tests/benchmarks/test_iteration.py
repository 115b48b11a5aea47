"""The iteration benchmark: its arithmetic by hand, and both sides on a tiny model."""

from __future__ import annotations

import json

import pytest

from benchmarks import iteration, work

SHAPE = work.Shape(layer=10, depth=5, head=100)
TOKENS = work.Tokens(prompt=40, new=20, shared=3, rows=8, microbatches=2)


def test_the_engines_operations():
    # sampling: 60 tokens less 7 x 3 shared, 5 layers; scoring and update: less 6 x 3, the last 2 layers, twice each
    assert work.engine(SHAPE, TOKENS, 2) == {
        "sampling": 39 * 5 * 20 + 20 * 200,
        "scoring": 2 * (42 * 2 * 20 + 20 * 200),
        "update": 2 * (42 * 2 * 20 + 20 * 200),
    }


def test_the_plain_loops_operations():
    # every layer at every pass, logits at all 60 positions; back through the last 2 layers and the head
    assert work.plain(SHAPE, TOKENS, 2) == {
        "sampling": 60 * 5 * 20 + 20 * 200,
        "scoring": 2 * (60 * 5 * 20 + 60 * 200),
        "update": (60 * 5 * 20 + 60 * 200) + (60 * 2 * 20 + 60 * 200),
    }


def turn(sampling, scoring, update, peak=1):
    seconds = {"sampling": sampling, "scoring": scoring, "update": update}
    operations = dict.fromkeys(work.PHASES, 4e9)
    return {"seconds": seconds, "operations": operations, "prompt_tokens": 9, "new_tokens": 5, "peak_bytes": peak}


ABOUT = {"dtype": "float32", "gflops": {"float32": 8.0, "bfloat16": 100.0}}


def test_a_side_is_summed_up_by_medians_and_its_highest_memory():
    found = iteration.summary([turn(1, 1, 2, 7), turn(9, 1, 3, 5), turn(2, 1, 1, 6)], ABOUT)
    assert found["seconds"] == {"sampling": 2, "scoring": 1, "update": 2, "total": 4}
    assert (found["totals"], found["peak_bytes"]) == ([4, 13, 4], 7)


def test_a_share_is_of_the_peak_in_the_format_that_was_used():
    assert iteration.summary([turn(1, 2, 4)], ABOUT)["share_of_peak"] == {
        "sampling": 0.5,
        "scoring": 0.25,
        "update": 0.125,
    }


def test_ratios_are_those_of_the_others_to_the_engine():
    sides = {
        name: iteration.summary([turn(*seconds)], ABOUT)
        for name, seconds in (("engine", (1, 1, 2)), ("plain", (4, 2, 2)))
    }
    assert iteration.ratios(sides) == {"plain": {"sampling": 4, "scoring": 2, "update": 1, "total": 2}}


def test_the_engine_is_always_among_the_sides():
    with pytest.raises(SystemExit):
        iteration.parse(["--sides", "plain"])


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    import torch
    from dressage.testing import tiny_model

    torch.set_num_threads(1)
    base = tiny_model(tmp_path_factory.mktemp("bench") / "base")
    return {
        "base": str(base), "prompts": 6, "new_tokens": 4, "microbatch": 4, "iterations": 2, "reward": "length",
        "layers": 2,
    }  # fmt: skip


@pytest.fixture(scope="module")
def answers(settings):
    """What each side says of two iterations."""
    from benchmarks.side import serve

    return {side: list(serve({**settings, "side": side}, iter(["go\n", "go\n"]))) for side in ("engine", "plain")}


@pytest.mark.parametrize("side", ["engine", "plain"])
def test_a_side_says_what_it_is_and_what_each_iteration_took(answers, side):
    about, *turns = json.loads(json.dumps(answers[side]))
    assert about["layers"] == 2
    assert len(turns) == 2
    for one in turns:
        assert all(one["seconds"][phase] > 0 and one["operations"][phase] > 0 for phase in work.PHASES)
        assert 6 <= one["new_tokens"] <= 24


def test_both_sides_get_the_same_prompts(answers):
    engine, plain = ([turn["prompt_tokens"] for turn in answers[side][1:]] for side in ("engine", "plain"))
    assert engine == plain
    assert engine[0] != engine[1]


def test_prompts_are_taken_as_the_engine_takes_them(settings):
    from benchmarks.side import Side, take

    side = Side({**settings, "side": "engine", "prompts": 300})
    stage = side.work.__self__
    for number in (1, 2, 3):  # the second and third cross the end of the prompts
        assert take(side.plan, len(side.ids), number) == stage._take(number)


def test_both_sides_learn_the_first_step_alike(answers):
    for side in ("engine", "plain"):
        first, second = answers[side][1:]
        assert abs(first["kl"]) < 1e-4  # the policy is its own reference until it has learnt something
        assert abs(second["kl"]) > 1e-4


def test_the_plain_loops_log_probabilities_are_the_models_own(settings):
    import torch

    from benchmarks.side import Side

    side = Side({**settings, "side": "plain"})
    loop = side.work.__closure__[0].cell_contents
    ids, attention, mask, width = loop._sample([0, 1, 2])
    with torch.no_grad():
        found, _ = loop._forward(ids, attention, width)
        for row in range(3):
            real = attention[row].bool()
            logits = side.base.model(input_ids=ids[row][real][None]).logits.float().log_softmax(-1)[0]
            length = int(mask[row].sum())
            reply = ids[row, width : width + length]
            start = int(real[:width].sum()) - 1
            expected = logits[start : start + length].gather(-1, reply[:, None])[:, 0]
            close = 1e-5 if side.base.dtype == torch.float32 else 3e-2  # autocast rounds elsewhere
            assert torch.allclose(found[row, :length], expected, atol=close)


def test_a_page_has_a_row_a_side(answers):
    sides = {
        side: answers[side][0] | iteration.summary(answers[side][1:], ABOUT) for side in ("engine", "plain")
    }  # fmt: skip
    text = iteration.markdown(
        {
            "machine": {**ABOUT, "cpu": "a cpu", "threads": 1, "torch": "2", "transformers": "5", "python": "3"},
            "settings": {"prompts": 6, "new_tokens": 4, "base": "tiny", "repeats": 2, "layers": 2},
            "sides": sides,
            "ratios": iteration.ratios(sides),
            "help_seconds": 0.4,
        }
    )
    assert "| Dressage, last 2 layers |" in text
    assert "| plain loop, all layers |" in text
    assert "8 GFLOP/s in float32, 100 GFLOP/s in bfloat16" in text
    assert "takes 0.40 s" in text
