"""The floating-point operations that an iteration needs at least, phase by phase.

2 x weights x tokens for a forward pass; as many again for the gradient with respect to the activations, and none for
that of the frozen weights. Attention's own products, norms, the adapters and padding are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A model's size: weights of one decoder layer, how many there are, and weights of the output head."""

    layer: int
    depth: int
    head: int


@dataclass(frozen=True)
class Tokens:
    """The tokens of one iteration."""

    prompt: int
    new: int
    shared: int = 0
    """How many first tokens all prompts share."""
    rows: int = 64
    microbatches: int = 4

    def run(self, parts: int) -> int:
        """Tokens that go through a layer where what is shared is run once in each of `parts` batches."""
        return self.prompt + self.new - self.shared * (self.rows - parts)


PHASES = ("sampling", "scoring", "update")


def engine(shape: Shape, tokens: Tokens, layers: int, epochs: int = 1, judges: int = 0) -> dict[str, float]:
    """The engine: kept trunk states, shared prefixes, adapters on the last `layers`, logits on response positions.

    `judges`: reward models of the policy's shape that read prompt and reply.
    """
    body, head = 2.0 * shape.layer, 2.0 * shape.head * tokens.new
    top = tokens.run(tokens.microbatches) * layers * body + head
    judged = judges * (tokens.prompt + tokens.new) * shape.depth * body
    return {
        "sampling": tokens.run(1) * shape.depth * body + head,
        "scoring": 2 * top + judged,
        "update": 2 * top * epochs,
    }


def plain(shape: Shape, tokens: Tokens, layers: int) -> dict[str, float]:
    """The plain loop: every layer at every pass, logits on all positions; gradients through the last `layers`."""
    body, whole = 2.0 * shape.layer, tokens.prompt + tokens.new
    head = 2.0 * shape.head * whole
    forward = whole * shape.depth * body + head
    return {
        "sampling": whole * shape.depth * body + 2.0 * shape.head * tokens.new,
        "scoring": 2 * forward,
        "update": forward + whole * layers * body + head,
    }
