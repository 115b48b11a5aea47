"""Log-probabilities of given tokens, chunk by chunk."""

import math
import random

import pytest
import torch
from dressage.ops import selected_logprobs, selected_logprobs_and_entropy
from hypothesis import given, settings
from hypothesis import strategies as st

cases = settings(max_examples=40, deadline=None, derandomize=True)


def soft_cap(logits):
    return 3 * torch.tanh(logits / 3)


def slow(hidden, head, token, temperature=1.0, bias=None, transform=None):
    """One token from plain lists: log-probability, entropy, slope in hidden (no transform), and if it is likeliest."""
    logits = [sum(h * w for h, w in zip(hidden, row, strict=True)) for row in head]
    if bias is not None:
        logits = [x + b for x, b in zip(logits, bias, strict=True)]
    if transform is not None:
        logits = [3 * math.tanh(x / 3) for x in logits]
    weights = [math.exp(x / temperature) for x in logits]
    probabilities = [w / sum(weights) for w in weights]
    entropy = -sum(p * math.log(p) for p in probabilities)
    slope = [
        (head[token][j] - sum(p * row[j] for p, row in zip(probabilities, head, strict=True))) / temperature
        for j in range(len(hidden))
    ]
    return math.log(probabilities[token]), entropy, slope, probabilities[token] == max(probabilities)


def case(rows=6, hidden=5, vocabulary=7, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(2, rows, hidden, generator=generator, dtype=dtype)
    head = torch.randn(vocabulary, hidden, generator=generator, dtype=dtype)
    return states, head, torch.randint(0, vocabulary, (2, rows), generator=generator)


def whole(states, head, tokens, temperature=1.0, bias=None, transform=None):
    """The textbook way, with all logits at once."""
    logits = states @ head.T + (0 if bias is None else bias)
    logprobs = torch.log_softmax((transform(logits) if transform else logits) / temperature, -1)
    return logprobs.gather(-1, tokens[..., None])[..., 0], -(logprobs.exp() * logprobs).sum(-1)


def test_uniform_logits_give_minus_log_of_the_vocabulary():
    logprobs = selected_logprobs(torch.zeros(1, 3, 4), torch.randn(8, 4), torch.tensor([[0, 3, 7]]))
    assert logprobs[0].tolist() == pytest.approx([-math.log(8)] * 3)


def test_a_token_by_hand():
    # logits 0 and ln 3: probabilities 1/4 and 3/4
    logprobs = selected_logprobs(torch.ones(1, 2, 1), torch.tensor([[0.0], [math.log(3)]]), torch.tensor([[0, 1]]))
    assert logprobs.exp()[0].tolist() == pytest.approx([0.25, 0.75])


def test_temperature_divides_the_logits():
    logprobs = selected_logprobs(
        torch.ones(1, 1, 1), torch.tensor([[0.0], [math.log(9)]]), torch.tensor([[1]]), temperature=2.0
    )
    assert logprobs.exp().item() == pytest.approx(0.75)


def test_a_bias_is_added_to_the_logits():
    logprobs = selected_logprobs(
        torch.zeros(1, 1, 1), torch.zeros(2, 1), torch.tensor([[1]]), bias=torch.tensor([0.0, math.log(3)])
    )
    assert logprobs.exp().item() == pytest.approx(0.75)


def test_entropy_of_a_uniform_distribution_is_the_log_of_its_size():
    _, entropy, _ = selected_logprobs_and_entropy(torch.zeros(1, 1, 2), torch.randn(8, 2), torch.tensor([[0]]))
    assert entropy.item() == pytest.approx(math.log(8))


def test_greedy_tells_whether_the_token_is_the_likeliest():
    head = torch.tensor([[0.0], [2.0], [1.0]])
    _, _, greedy = selected_logprobs_and_entropy(torch.ones(1, 3, 1), head, torch.tensor([[0, 1, 2]]))
    assert greedy.tolist() == [[False, True, False]]


def test_a_forbidden_token_leaves_the_entropy_finite():
    states = torch.zeros(1, 1, 1, requires_grad=True)
    bias = torch.tensor([0.0, 0.0, -math.inf])
    _, entropy, _ = selected_logprobs_and_entropy(
        states, torch.ones(3, 1), torch.tensor([[0]]), bias=bias, entropy_gradient=True
    )
    entropy.sum().backward()
    assert entropy.item() == pytest.approx(math.log(2))
    assert torch.isfinite(states.grad).all()


def test_a_nearly_certain_token_keeps_the_digits_of_its_gradient():
    # the other token has exp(-12) of the weight: 1 - p is lost in bf16, and all but lost in fp32
    head, states = torch.tensor([[3.0], [1.0]]), torch.tensor([[[6.0]]])
    for dtype, precision in ((torch.float32, 1e-6), (torch.bfloat16, 1e-2)):
        x = states.to(dtype, copy=True).requires_grad_()
        selected_logprobs(x, head.to(dtype), torch.tensor([[0]])).sum().backward()
        assert x.grad.item() == pytest.approx(2 / (1 + math.exp(12)), rel=precision)


@pytest.mark.parametrize("chunk", [1, 4, 5, 12, 100])
def test_the_chunk_size_changes_nothing(chunk):
    states, head, tokens = case()
    assert torch.allclose(selected_logprobs(states, head, tokens, chunk=chunk), whole(states, head, tokens)[0])


@pytest.fixture(params=[1, 9, 2**18], ids="tile-{}".format)
def tile(request, monkeypatch):
    """Tiles of one vocabulary entry, of a few (the last smaller), and of all."""
    monkeypatch.setattr("dressage.ops.logprobs.TILE_LOGITS", request.param)


@pytest.mark.usefixtures("tile")
@pytest.mark.parametrize("transform", [None, soft_cap])
@pytest.mark.parametrize("entropy_gradient", [False, True])
def test_gradients_equal_those_of_whole_logits(transform, entropy_gradient):
    states, head, tokens = case()
    bias, weights = torch.randn(7, dtype=torch.float64), torch.randn(2, 6, dtype=torch.float64)
    gradients = []
    for chunked in (True, False):
        x = states.clone().requires_grad_()
        if chunked:
            logprobs, entropy, _ = selected_logprobs_and_entropy(
                x, head, tokens, temperature=0.7, chunk=4, bias=bias, transform=transform,
                entropy_gradient=entropy_gradient,
            )  # fmt: skip
        else:
            logprobs, entropy = whole(x, head, tokens, 0.7, bias, transform)
        loss = (logprobs * weights).sum() + (entropy * weights.flip(1)).sum() * entropy_gradient
        gradients.append(torch.autograd.grad(loss, x)[0])
    assert torch.allclose(*gradients, atol=1e-12)


def test_the_gradient_passes_gradcheck():
    states, head, tokens = case(rows=2)
    states.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: selected_logprobs(x, head, tokens, temperature=1.3, chunk=3), states)


def test_a_head_that_is_trained_gets_its_gradient():
    states, head, tokens = case()
    gradients = []
    for compute in (lambda w: selected_logprobs(states, w, tokens, chunk=4), lambda w: whole(states, w, tokens)[0]):
        weight = head.clone().requires_grad_()
        gradients.append(torch.autograd.grad(compute(weight).sum(), weight)[0])
    assert torch.allclose(*gradients, atol=1e-12)


def test_entropy_has_no_gradient_unless_asked_for():
    states, head, tokens = case()
    logprobs, entropy, _ = selected_logprobs_and_entropy(states.requires_grad_(), head, tokens)
    assert (logprobs.requires_grad, entropy.requires_grad) == (True, False)


def test_the_entropy_of_a_soft_cap_has_no_gradient_unless_asked_for():
    states, head, tokens = case()
    _, entropy, _ = selected_logprobs_and_entropy(states.requires_grad_(), head, tokens, transform=soft_cap)
    assert not entropy.requires_grad


def test_with_and_without_gradient_the_numbers_are_the_same_bits():
    states, head, tokens = case(dtype=torch.float32)
    plain = selected_logprobs(states, head, tokens, temperature=0.9)
    assert torch.equal(plain, selected_logprobs(states.clone().requires_grad_(), head, tokens, temperature=0.9))


def test_the_result_is_fp32_for_a_16_bit_model():
    states, head, tokens = case(dtype=torch.bfloat16)
    x = states.requires_grad_()
    logprobs = selected_logprobs(x, head, tokens)
    logprobs.sum().backward()
    assert (logprobs.dtype, x.grad.dtype) == (torch.float32, torch.bfloat16)


def test_backward_keeps_nothing_as_wide_as_the_vocabulary():
    sizes = []
    states, head, tokens = torch.randn(2, 8, 4, requires_grad=True), torch.randn(1000, 4), torch.zeros(2, 8).long()
    with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
        selected_logprobs_and_entropy(states, head, tokens, chunk=4, entropy_gradient=True)
    assert max(sizes) <= states.numel()


def test_no_more_than_a_chunk_of_logits_exists_at_a_time():
    seen = []

    def note(logits):
        seen.append(tuple(logits.shape))
        return logits

    states, head, tokens = case()
    selected_logprobs(states, head, tokens, chunk=5, transform=note)
    assert seen == [(5, 7), (5, 7), (2, 7)]


def test_packed_rows_are_taken_as_they_are():
    states, head, tokens = case()
    packed = selected_logprobs(states.reshape(-1, 5), head, tokens.reshape(-1))
    assert torch.equal(packed, selected_logprobs(states, head, tokens).reshape(-1))


def test_no_rows_give_no_numbers():
    assert selected_logprobs(torch.zeros(0, 4), torch.zeros(3, 4), torch.zeros(0).long()).shape == (0,)


@cases
@given(
    st.integers(0, 2**31), st.integers(1, 4), st.integers(2, 6), st.floats(0.3, 3), st.booleans(), st.booleans(),
    st.sampled_from([1, 4, 2**18]),
)  # fmt: skip
def test_selected_logprobs_equal_the_obvious_ones(seed, hidden, vocabulary, temperature, biased, capped, tile):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dressage.ops.logprobs.TILE_LOGITS", tile)
        check_against_the_obvious(seed, hidden, vocabulary, temperature, biased, capped)


def check_against_the_obvious(seed, hidden, vocabulary, temperature, biased, capped):
    rng = random.Random(seed)
    states = [[rng.gauss(0, 1) for _ in range(hidden)] for _ in range(3)]
    head = [[rng.gauss(0, 1) for _ in range(hidden)] for _ in range(vocabulary)]
    bias = [rng.gauss(0, 1) for _ in range(vocabulary)] if biased else None
    tokens = [rng.randrange(vocabulary) for _ in range(3)]
    transform = soft_cap if capped else None
    x = torch.tensor([states], dtype=torch.float64, requires_grad=True)
    logprobs, entropy, greedy = selected_logprobs_and_entropy(
        x, torch.tensor(head, dtype=torch.float64), torch.tensor([tokens]), temperature=temperature, chunk=2,
        bias=None if bias is None else torch.tensor(bias, dtype=torch.float64), transform=transform,
    )  # fmt: skip
    (slopes,) = torch.autograd.grad(logprobs.sum(), x)
    alone = selected_logprobs(
        x, torch.tensor(head, dtype=torch.float64), torch.tensor([tokens]), temperature=temperature, chunk=2,
        bias=None if bias is None else torch.tensor(bias, dtype=torch.float64), transform=transform,
    )  # fmt: skip
    assert torch.allclose(alone, logprobs, atol=1e-12)
    for i, (state, token) in enumerate(zip(states, tokens, strict=True)):
        logprob, disorder, slope, top = slow(state, head, token, temperature, bias, transform)
        assert logprobs[0, i].item() == pytest.approx(logprob, abs=1e-9)
        assert entropy[0, i].item() == pytest.approx(disorder, abs=1e-9)
        assert greedy[0, i].item() == top
        assert capped or slopes[0, i].tolist() == pytest.approx(slope, abs=1e-9)
