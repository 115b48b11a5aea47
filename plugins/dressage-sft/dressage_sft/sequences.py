"""From a row of data to the tokens of one sequence and which of them are learnt."""

from __future__ import annotations

from collections.abc import Sequence

from dressage import Encoder, Example, Message, Tokens

from dressage_sft.options import SFTOptions


def collate(example: Example, encode: Encoder, *, options: SFTOptions) -> Tokens | None:
    """The sequence of a demonstration or a plain text; None for other rows, and where the answer does not fit."""
    if example.shape == "demonstration":
        return (_dialogue if example.text is None else _continuation)(example, encode, options)
    return _text(example, encode, options) if example.shape == "text" else None


def _text(example: Example, encode: Encoder, options: SFTOptions) -> Tokens | None:
    """Every token after the first, which nothing comes before; a text that is too long keeps its start."""
    ids = encode.plain(example.text or "")
    if options.end:
        ids = (*ids, encode.eos_id)
    ids = ids[: encode.limit]
    return _learnable(ids, (True,) * len(ids))


def _continuation(example: Example, encode: Encoder, options: SFTOptions) -> Tokens | None:
    """A text and how it goes on, without a template; what goes on is learnt, from the first token that it changes."""
    before, whole = encode.plain(example.text or ""), encode.plain((example.text or "") + (example.response or ""))
    start = next((i for i, pair in enumerate(zip(before, whole, strict=False)) if pair[0] != pair[1]), len(before))
    whole = (*whole, encode.eos_id) if options.end else whole
    if len(whole) > encode.limit:
        return None
    return _learnable(whole, (False,) * start + (True,) * (len(whole) - start))


def _dialogue(example: Example, encode: Encoder, options: SFTOptions) -> Tokens | None:
    """The prompt, of which the left is cut where it is too long, and the answer, of which nothing is cut unasked."""
    answer = encode.answer(example.response or "")[: options.answer_tokens]
    room = encode.limit - len(answer)
    if room < 1:  # the first token of an answer is predicted from at least one token before it
        return None
    prompt = encode.prompt(example.prompt)
    mask = _earlier_turns(example.prompt, prompt, encode, options) if options.turns == "all" else (False,) * len(prompt)
    return _learnable(prompt[-room:] + answer, mask[-room:] + (True,) * len(answer))


def _earlier_turns(
    messages: Sequence[Message], prompt: tuple[int, ...], encode: Encoder, options: SFTOptions
) -> tuple[bool, ...]:
    """The assistant's tokens inside a prompt: found by encoding what comes before each turn.

    A turn that the template writes otherwise once the dialogue goes on (reasoning that it drops) is not learnt.
    """
    mask = [False] * len(prompt)
    for i, message in enumerate(messages):
        if message.role != "assistant":
            continue
        before, answer = encode.prompt(messages[:i]), encode.answer(message.content)
        start, stop = len(before), len(before) + len(answer)
        if prompt[:start] == before and prompt[start:stop] == answer:
            learnt = len(answer[: options.answer_tokens])
            mask[start : start + learnt] = [True] * learnt
    return tuple(mask)


def _learnable(ids: tuple[int, ...], mask: tuple[bool, ...]) -> Tokens | None:
    mask = (False, *mask[1:])
    return Tokens(ids, mask) if any(mask) else None
