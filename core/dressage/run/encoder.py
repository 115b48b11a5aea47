"""Messages to tokens and back, with a model's own chat template, or a plain one where it has none.

The plain template: each turn is `User: ...` or `Assistant: ...` (a system turn stands bare) and ends with a line
break; an answer ends with the end-of-sequence token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from dressage.spec.errors import ModelError
from dressage.spec.types import Message, Prompt

PLAIN_TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n{% elif m.role == 'user' %}"
    "User: {{ m.content }}\n{% else %}Assistant: {{ m.content }}{{ eos_token }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
_MARK = "\u2603\u2603\u2603"


class ChatEncoder:
    """The tokens of one model; implements `dressage.Encoder`."""

    def __init__(self, tokenizer: Any, *, limit: int, stop_ids: Sequence[int] = ()) -> None:
        if tokenizer.eos_token_id is None:
            raise ModelError("the tokenizer has no end-of-sequence token; set `eos_token` in its tokenizer_config.json")
        self.tokenizer = tokenizer
        self.limit = limit
        self.eos_id: int = tokenizer.eos_token_id
        self.pad_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.eos_id
        self.template: str | None = None if tokenizer.chat_template else PLAIN_TEMPLATE
        self._adds_bos = tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]
        self._lead, self._end = self._around_answer()
        self.stop_ids = frozenset({self.eos_id, self._end, *stop_ids})
        self.prompt_text = lru_cache(maxsize=65536)(self._prompt_text)

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The tokens of a dialogue, up to and including the start of the assistant's turn."""
        return self._ids(self.prompt_text(tuple(messages)))

    def answer(self, text: str) -> tuple[int, ...]:
        """The tokens of a reply, with the end-of-turn token."""
        return (*self._ids(self._lead + text), self._end)

    def plain(self, text: str) -> tuple[int, ...]:
        """The tokens of a text without a template, with the tokenizer's own BOS if it adds one."""
        return tuple(self.tokenizer(text)["input_ids"])

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        """The tokens of what is asked: a dialogue, or a text to continue."""
        return self.plain(prompt.text) if prompt.text is not None else self.prompt(prompt.messages)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated tokens, without special ones."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _render(self, messages: Sequence[Message], *, open_turn: bool) -> str:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        options = {"tokenize": False, "add_generation_prompt": open_turn, "chat_template": self.template}
        try:
            return str(self.tokenizer.apply_chat_template(turns, **options))
        except Exception as error:  # templates raise what they like; those without a system role are common
            if messages and messages[0].role == "system":
                return self._render(_without_system(messages), open_turn=open_turn)
            raise ModelError(f"the chat template refuses a dialogue: {error}") from error

    def _prompt_text(self, messages: tuple[Message, ...]) -> str:
        text = self._render(messages, open_turn=True)
        bos = self.tokenizer.bos_token
        if bos and not text.startswith(bos) and self._adds_bos:
            text = bos + text  # one BOS: a template that leaves it to the tokenizer gets it here
        return text

    def _around_answer(self) -> tuple[str, int]:
        """What the template writes before an answer's text (a space), and the token that ends the turn."""
        question = Message("user", "?")
        opened = self._render([question], open_turn=True)
        whole = self._render([question, Message("assistant", _MARK)], open_turn=False)
        lead, _, tail = whole[len(opened) :].partition(_MARK) if whole.startswith(opened) else ("", "", "")
        special = set(self.tokenizer.all_special_ids)
        ends = [i for i in self._ids(tail)[:1] if i in special]
        return lead if not lead.strip() else "", ends[0] if ends else self.eos_id


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """A dialogue with its system turn put in front of the user's first words."""
    system, *rest = messages
    if rest and rest[0].role == "user":
        return [Message("user", f"{system.content}\n\n{rest[0].content}"), *rest[1:]]
    return [Message("user", system.content), *rest]
