"""An encoder without a tokenizer: one token a byte, so that a test can read what it got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dressage.spec.types import Message

PAD, BOS, END, ASK, REPLY = range(256, 261)
VOCABULARY = 261


@dataclass(frozen=True)
class ByteEncoder:
    """Implements `dressage.Encoder`: bytes are their own ids, five more mark turns and ends."""

    limit: int = 512
    pad_id: int = PAD
    eos_id: int = END

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """BOS, then each turn as marker, bytes and END, then the marker of the assistant's turn."""
        ids = [BOS]
        for message in messages:
            ids += [REPLY if message.role == "assistant" else ASK, *_bytes(message.content), END]
        return (*ids, REPLY)

    def answer(self, text: str) -> tuple[int, ...]:
        """The bytes and END."""
        return (*_bytes(text), END)

    def plain(self, text: str) -> tuple[int, ...]:
        """BOS and the bytes."""
        return (BOS, *_bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
