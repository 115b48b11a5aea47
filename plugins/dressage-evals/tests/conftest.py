"""Batches of a few replies."""

import pytest
from dressage import Batch, Context, Message, Prompt, Reward


class Given(Reward):
    """Scores that the reply itself states, as in `0.7 text`; `-` is no opinion."""

    goal = "min"

    def score(self, batch):
        heads = [reply.split()[0] for reply in batch.responses]
        return [None if head == "-" else float(head) for head in heads]


@pytest.fixture
def ask():
    """Makes a batch of (prompt, reply) pairs; `columns` one mapping a pair."""

    def make(*pairs, columns=None, finished=(), base_logprobs=()):
        columns = columns or [{}] * len(pairs)
        prompts = tuple(Prompt((Message("user", asked),), None, row) for (asked, _), row in zip(pairs, columns))
        return Batch(prompts, tuple(reply for _, reply in pairs), tuple(finished), tuple(base_logprobs))

    return make


@pytest.fixture
def build():
    """Makes a component whose `source` is `Given`, with the attributes in `source`."""

    def make(component, options=None, source=None):
        kind = type("Source", (Given,), source or {})
        ctx = Context(name="m", batch_size=2, builder=lambda use, name: kind(kind.options_model(), Context(name=name)))
        return component(component.options_model.model_validate(options or {}), ctx)

    return make
