"""What all contracts have in common: how the component is made, and the texts that it must bear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import ValidationError

from dressage.host.resolved import plain
from dressage.spec.components import Component, Context
from dressage.spec.options import Options, Use
from dressage.spec.types import Batch, Message, Prompt

TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "plain": "Sure. Mix flour and water, wait an hour, then bake it at 220 degrees.",
        "refusal": "I'm sorry, but I can't help with that.",
        "empty": "",
        "blank": " \n\t ",
        "one letter": "a",
        "capitals": "NO! STOP THAT!",
        "chinese": "对不起，我不能帮助你做这件事。请换一个问题。",
        "japanese": "申し訳ありませんが、お手伝いできません。",
        "korean": "죄송하지만 도와드릴 수 없습니다.",
        "hebrew": "אני מצטער, אבל אני לא יכול לעזור בזה.",
        "arabic": "آسف، لا أستطيع مساعدتك في ذلك.",
        "mixed direction": "The word שלום means peace, و سلام too.",
        "emoji": "🏇🏽👩‍👩‍👧 ok 👍🏿",
        "combining": "e\u0301 \u202eabc\u202c \ufeff\u200d\x00\x1b[0m",
        "long": "The horse walks, trots and canters around the arena. " * 400,
        "long without a space": "哈" * 6000,
    }
)
"""Replies of every kind that a policy can produce."""

SYSTEM = Message("system", "You are a helpful assistant.")


def prompts(columns: Mapping[str, Any] | None = None) -> tuple[Prompt, ...]:
    """One prompt of every form: a chat, with a system turn, of many turns, in other scripts, and texts to continue."""
    columns = MappingProxyType(dict(columns or {}))

    def chat(*turns: Message) -> Prompt:
        return Prompt(messages=turns, columns=columns)

    return (
        chat(Message("user", "How do I bake bread?")),
        chat(SYSTEM, Message("user", "Who are you?")),
        chat(Message("user", "Hello."), Message("assistant", "Hello! What is it?"), Message("user", "Tell me a joke.")),
        chat(Message("user", "请问今天天气怎么样？")),
        chat(Message("user", "כמה זה שתיים ועוד שתיים?")),
        chat(Message("user", "")),
        Prompt(text="The man walked into the bar and", columns=columns),
        Prompt(text="", columns=columns),
    )


def batch(columns: Mapping[str, Any] | None = None, *, samples: int = 1) -> Batch:
    """Every text of `TEXTS` as a reply, cycling through every form of prompt; `samples` replies stand together."""
    forms, texts = prompts(columns), list(TEXTS.values())
    asked = tuple(forms[i % len(forms)] for i in range(len(texts)) for _ in range(samples))
    replies = tuple(texts[(i + k) % len(texts)] for i in range(len(texts)) for k in range(samples))
    return Batch(asked, replies, finished=tuple(len(text) < 1000 for text in replies))


class Contract:
    """The base of all contracts: a subclass sets `component` (and `options`) and inherits the tests.

    ```python
    class TestShouting(RewardContract):
        component = Shouting
        options = {"threshold": 0.5}
    ```
    """

    component: ClassVar[type[Component[Any]]]
    """The class under test."""
    options: ClassVar[Mapping[str, Any] | Options] = {}
    """Its options, as the YAML's `with:` gives them, or as a model."""
    uses: ClassVar[Mapping[str, type[Component[Any]]]] = {}
    """The classes behind the names that a `Use[...]` option gives."""
    columns: ClassVar[Mapping[str, Any]] = {}
    """Row fields that the component needs; every prompt and row of the contract has them."""
    device: ClassVar[str] = "cpu"

    def make(self) -> Any:
        """A fresh instance. Override where a component is costly to make, or needs a file first."""
        return self.component(self._options(), self.context("contract"))

    def context(self, name: str) -> Context:
        """What the host would give the component."""
        return Context(name=name, device=self.device, folder=Path.cwd(), batch_size=4, builder=self._build)

    def _options(self) -> Options:
        given = self.options
        return given if isinstance(given, Options) else self.component.options_model.model_validate(dict(given))

    def _build(self, use: Use[Any], name: str) -> Any:
        if use.use not in self.uses:
            raise LookupError(f"the contract has no class for {use.use!r}; add it to `uses`")
        kind = self.uses[use.use]
        return kind(kind.options_model.model_validate(dict(use.with_)), self.context(name))

    def test_can_be_closed(self) -> None:
        """`close` may be called on an instance that did nothing."""
        self.make().close()

    def test_options_bear_being_written_out_in_full(self) -> None:
        """A run keeps its YAML with every default filled in, and `dressage eval` reads that again."""
        options = self._options()
        written = plain(options)
        try:
            again = type(options).model_validate(written)
        except ValidationError as error:
            advice = "compare with the default, not with model_fields_set"
            raise AssertionError(f"options that are right are refused with their defaults; {advice}: {error}") from None
        assert plain(again) == written, f"options {written} came back as {plain(again)}"

    def test_state_survives_a_round_trip(self) -> None:
        """A fresh instance that loads `state_dict` gives the same `state_dict`."""
        first, second = self.make(), self.make()
        state = first.state_dict()
        assert isinstance(state, dict), f"state_dict must return a dict, not {type(state).__name__}"
        second.load_state_dict(state)
        again = second.state_dict()
        assert sorted(again) == sorted(state), f"keys {sorted(state)} came back as {sorted(again)}"
        for key, value in state.items():
            assert same(value, again[key]), f"state_dict[{key!r}] came back as {again[key]!r}, not {value!r}"


def same(left: Any, right: Any) -> bool:
    """Whether two values of a state are equal, tensors included."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return sorted(left) == sorted(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if hasattr(left, "shape") and hasattr(right, "shape"):
        return bool(left.shape == right.shape and (left == right).all())
    return bool(left == right)
