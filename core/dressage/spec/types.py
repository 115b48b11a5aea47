"""The nouns that flow through a run, one frozen type each. Plain Python: no tensor, no tokenizer.

`Example` is a row of data, `Prompt` what a policy answers, `Batch` the answers that rewards and evaluators judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

Role: TypeAlias = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a dialogue."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row came from: file and line, 1-based."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the policy is asked: either `messages` of a chat, or a plain `text` to continue (no template).

    `columns` are the row's other fields (`kind`, `topic`, ...), as read.
    """

    messages: tuple[Message, ...] = ()
    text: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None

    @property
    def last(self) -> str:
        """The text that is answered: the last user turn, or the text to continue."""
        if self.text is not None:
            return self.text
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


Shape: TypeAlias = Literal["demonstration", "comparison", "prompt", "text"]


@dataclass(frozen=True, slots=True)
class Example:
    """One row of data in the one form that all files are read into.

    A demonstration has `prompt` (or a `text` that is continued) and `response`; a comparison `prompt`, `chosen` and
    `rejected`; a prompt only `prompt`; a text only `text` (to continue, or to learn as it is).
    """

    prompt: tuple[Message, ...] = ()
    response: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    text: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None

    @property
    def shape(self) -> Shape:
        """Which of the four kinds of row this is."""
        if self.chosen is not None:
            return "comparison"
        if self.response is not None:
            return "demonstration"
        return "text" if self.text is not None else "prompt"

    @property
    def answers(self) -> tuple[str, ...]:
        """The texts a model is taught: the response, or both answers of a comparison, or the plain text."""
        return tuple(t for t in (self.response, self.chosen, self.rejected, self.text) if t is not None)

    @property
    def question(self) -> str:
        """The last user turn, or the empty string."""
        return self.as_prompt().last if self.prompt else ""

    def as_prompt(self) -> Prompt:
        """The row without its answers."""
        return Prompt(self.prompt, self.text if not self.prompt else None, self.columns, self.origin)

    def rewrite(self, change: Callable[[str], str], part: Part = "both") -> Example:
        """A copy whose texts went through `change`; the same object where no text changed."""
        new: dict[str, Any] = {}
        if part != "answer":
            prompt = tuple(replace(m, content=change(m.content)) for m in self.prompt)
            if prompt != self.prompt:
                new["prompt"] = prompt
        if part != "prompt":
            for name in ("response", "chosen", "rejected", "text"):
                before = getattr(self, name)
                if before is not None and (after := change(before)) != before:
                    new[name] = after
        return replace(self, **new) if new else self


Part: TypeAlias = Literal["prompt", "answer", "both"]
"""What a filter on dialogues reads."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A filter's verdict that a row leaves the data, with the reason that the report counts it under."""

    example: Example
    reason: str


@dataclass(frozen=True, slots=True)
class Span:
    """A value for the characters [start, end) of a response; the host maps it to the policy's tokens."""

    start: int
    end: int
    value: float


Score: TypeAlias = float | None | Sequence[Span]
"""A reward's answer for one response: a number, `None` (no opinion), or values for parts of the text."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts with one response each, as rewards and evaluators see them; all fields have the same length."""

    prompts: tuple[Prompt, ...]
    responses: tuple[str, ...]
    finished: tuple[bool, ...] = ()
    """Whether the response ended by itself (an end-of-sequence token) rather than by the length limit."""
    base_logprobs: tuple[tuple[float, ...], ...] = ()
    """Per response the log-probability of each token under the untouched base; only for an evaluator that sets
    `needs_base_logprobs`."""

    def __len__(self) -> int:
        return len(self.responses)

    @property
    def columns(self) -> tuple[Mapping[str, Any], ...]:
        """Each prompt's row fields."""
        return tuple(prompt.columns for prompt in self.prompts)

    def select(self, indices: Sequence[int]) -> Batch:
        """The rows at `indices`, in that order."""
        return Batch(
            tuple(self.prompts[i] for i in indices),
            tuple(self.responses[i] for i in indices),
            tuple(self.finished[i] for i in indices) if self.finished else (),
            tuple(self.base_logprobs[i] for i in indices) if self.base_logprobs else (),
        )


@dataclass(frozen=True, slots=True)
class Statistic:
    """A measure that is no mean of per-response values (distinct-2, a balance, a perplexity).

    `compute` gets the indices of responses (a bootstrap resample, with repeats) and returns one number, or `None`
    where it is undefined on them.
    """

    compute: Callable[[Sequence[int]], float | None]
    better: Literal["higher", "lower", "neither"] = "neither"


@dataclass(frozen=True, slots=True)
class Values:
    """A measure that is the mean of one value per response; `None` where the measure does not apply to it.

    `rate` marks values that are 0 or 1.
    """

    values: Sequence[float | None]
    rate: bool = False
    better: Literal["higher", "lower", "neither"] = "neither"


Measure: TypeAlias = Values | Statistic


@dataclass(frozen=True, slots=True)
class Tokens:
    """One sequence to learn from: `ids` and, per id, whether it is learnt (`mask`); same length."""

    ids: tuple[int, ...]
    mask: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model or data set that a plugin supplies; goes into the run's record and report."""

    name: str
    licence: str = ""
    source: str = ""
    sha256: str = ""
    note: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
