"""The kinds of component that a plugin can supply: one base class each.

A component is made with its validated options and a `Context`. Whatever changes data or training is one of these,
named in the YAML; an `Observer` only watches. The classes import no tensor library: a method that works on tensors
says so in its annotations alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar, get_args, get_origin

from dressage.spec.options import NoOptions, Options, Use
from dressage.spec.types import Batch, Card, Drop, Example, Measure, Part, Score, Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from dressage.spec import events
    from dressage.spec.policy import Experience, Losses, Outputs, SequenceOutputs, Trajectories

O = TypeVar("O", bound=Options)
T = TypeVar("T")
C = TypeVar("C", bound="Component[Any]")


class Encoder(Protocol):
    """Turns messages into the tokens of one model, with that model's own chat template."""

    pad_id: int
    eos_id: int
    limit: int
    """The longest sequence in tokens that the model takes."""

    def prompt(self, messages: Sequence[Any]) -> tuple[int, ...]:
        """The tokens of a dialogue, up to and including the start of the assistant's turn."""
        ...

    def answer(self, text: str) -> tuple[int, ...]:
        """The tokens of an assistant's reply, with the end-of-turn token."""
        ...

    def plain(self, text: str) -> tuple[int, ...]:
        """The tokens of a text without a template, with one BOS where the model has one."""
        ...


class Builder(Protocol):
    """Makes an instance of a component that an option names."""

    def __call__(self, use: Use[Any], name: str) -> Any: ...


class Progress(Protocol):
    """Shows how far a long loop is."""

    def __call__(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]: ...


def _silent(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    yield from items


def _no_builder(use: Use[Any], name: str) -> Any:
    raise LookupError(f"no host to build {use!r}; in a test, pass Context(builder=...)")


@dataclass(frozen=True)
class Context:
    """What the host gives a component: where it is, on which device it works, and what it may use."""

    name: str = ""
    """The component's unique name in the run (`as:`, else its `use`)."""
    device: str = "cpu"
    """The torch device to work on; every tensor a component gets is on it."""
    seed: int = 0
    batch_size: int = 32
    folder: Path = field(default_factory=Path)
    """The folder of the YAML; relative paths in options start here (`ctx.path`)."""
    cache: Path = field(default_factory=lambda: Path.home() / ".cache" / "dressage")
    """`DRESSAGE_CACHE`: for what is costly to make anew."""
    builder: Builder = _no_builder
    progress: Progress = _silent

    def path(self, path: str | Path) -> Path:
        """`path`, relative to the YAML's folder."""
        return self.folder / Path(path).expanduser()

    def build(self, use: Use[C]) -> C:
        """An instance of the component that an option names."""
        return self.builder(use, f"{self.name}.{use.use}")  # type: ignore[no-any-return]


class Component(Generic[O]):
    """The base of all kinds. The host makes it, calls it from one thread, and calls `close` once at the end."""

    options_model: ClassVar[type[Options]] = NoOptions
    kind: ClassVar[str] = "component"

    def __init__(self, options: O, ctx: Context) -> None:
        self.options = options
        self.ctx = ctx

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            origin = get_origin(base)
            if not (isinstance(origin, type) and issubclass(origin, Component)):
                continue
            given = [one for one in get_args(base) if isinstance(one, type) and one is not Any]
            options = [one for one in given if issubclass(one, Options)]
            if options:
                cls.options_model = options[-1]
            elif given:  # it would silently get no options
                raise TypeError(f"{cls.__name__}: {given[0].__name__} must be a subclass of dressage.Options")

    def state_dict(self) -> dict[str, Any]:
        """What must survive a restart: plain values and tensors."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes back what `state_dict` gave."""

    def close(self) -> None:
        """Frees files, processes and connections."""


# --- data ------------------------------------------------------------------------------------------------------------


class ModelSource(Component[O], ABC):
    """A named base model: `model: {base: NAME}`."""

    kind = "model"

    @abstractmethod
    def path(self) -> Path:
        """A folder that `transformers` loads, or a GGUF file (the core dequantises it once, into its cache)."""

    def card(self) -> Card:
        """Licence, source and hash of the model."""
        return Card(self.ctx.name)


class DataSource(Component[O], ABC):
    """A named data set: `{use: NAME, with: {...}}` wherever the YAML takes a data path."""

    kind = "data"

    @abstractmethod
    def files(self) -> Sequence[Path]:
        """The JSONL files (also `.gz`) to read."""

    def card(self) -> Card:
        """Licence, source and hash of the data."""
        return Card(self.ctx.name)


class Filter(Component[O]):
    """Rows to rows. Override `check` for a verdict a row, or `apply` where rows must be seen together."""

    kind = "filter"
    reads: ClassVar[Part] = "both"

    def apply(self, rows: Sequence[Example]) -> Iterable[Example | Drop]:
        """Yields each row (itself, or a changed copy), more rows, or a `Drop` for each row that leaves."""
        return map(self.check, rows)

    def check(self, row: Example) -> Example | Drop:
        """The row, a changed copy of it, or a `Drop` with the reason."""
        raise NotImplementedError(f"{type(self).__name__} must override `check` or `apply`")


# --- rewards ---------------------------------------------------------------------------------------------------------


class Reward(Component[O], ABC):
    """Judges responses. Weights, normalisation, limits, batching, NaN checks and logging are the host's."""

    kind = "reward"
    goal: Literal["max", "min"] = "max"
    """Whether more of it is better; the host turns the sign of `min` sources."""
    trained_on: frozenset[str] = frozenset()
    """The data sets its judgement was learnt from, so that a report can tell an unrelated judge from a relative."""
    threshold: float | None = None
    """The score above which a detector calls a response harmful; a measure's default."""
    card: Card | None = None
    """The model behind it, for the report."""

    @abstractmethod
    def score(self, batch: Batch) -> Sequence[Score]:
        """One answer per response, in order: a finite number, `None` for no opinion, or spans with values."""

    def to(self, device: str) -> None:
        """Moves what it computes with to a device (`device: swap`); nothing to move by default."""


class FittedReward(Reward[O]):
    """A reward that learns from the run's comparisons before the stage that uses it.

    It lives on a base model as an adapter and a head, or as a head alone; the core trains them with `collate` and
    `loss` and scores the sampled tokens, so `score` is never called on it.
    """

    needs: ClassVar[str] = "comparisons"
    """The `data:` key whose rows it learns from."""
    base: str | None = None
    """Another base model's id or folder; None for the run's shared base. May be set in `__init__`."""
    head: Literal["linear", "bilinear"] = "linear"
    """`linear`: an adapter and a linear head on the last state. `bilinear`: a head alone, on the frozen layers' states
    of prompt and answer. May be set in `__init__`."""

    @abstractmethod
    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        """The sequences of one example that are scored together, or None where the example is of no use."""

    @abstractmethod
    def loss(self, outputs: SequenceOutputs) -> Losses:
        """The mean loss over the items of a microbatch, from `outputs.scores` [N, S]."""

    def score(self, batch: Batch) -> Sequence[Score]:
        """Not used: the core scores the sampled tokens on the base itself."""
        raise NotImplementedError("a fitted reward is scored by the core, on its base model")


# --- optimizers ------------------------------------------------------------------------------------------------------


class OfflineOptimizer(Component[O], ABC):
    """Learns from a fixed data set (SFT, DPO). The core batches, runs the model, and calls backward."""

    kind = "optimizer"
    online: ClassVar[bool] = False
    unit: ClassVar[Literal["token", "item"]] = "token"
    """What `loss` is a mean over; the core weights microbatches by their count of it."""
    needs: ClassVar[str] = "demonstrations"
    """The `data:` key whose rows it learns from."""
    needs_reference: ClassVar[bool] = False
    """Whether `outputs.ref_logprobs` is wanted."""

    @abstractmethod
    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        """The sequences of one example that are learnt together, or None where the example is of no use."""

    @abstractmethod
    def loss(self, outputs: SequenceOutputs) -> Losses:
        """The mean loss over the units of a microbatch."""


class OnlineOptimizer(Component[O], ABC):
    """Learns from its own samples (PPO, A2C): an advantage estimator and a loss over tensors that the core made.

    Per iteration the core samples, scores, composes per-token rewards (the score at the last token, minus the KL
    penalty), calls `advantages`, whitens, then for each epoch and minibatch calls `loss` and backward. Rewards with a
    limit are streams of their own: `advantages` is called once for each, and what the multipliers make of them is
    whitened. Where the value head is trained, `loss` is called for their values too, with advantages of 0.
    """

    kind = "optimizer"
    online: ClassVar[bool] = True
    unit: ClassVar[Literal["token", "item"]] = "token"
    uses_values: bool = True
    """Whether the core fits a value head and fills `values`; may be set in `__init__`."""
    uses_entropy: ClassVar[bool] = False
    """Whether `outputs.entropy` carries a gradient."""

    @abstractmethod
    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        """Advantages and returns of one stream, both [B, T]; not whitened (the core does, by `update.whiten`)."""

    @abstractmethod
    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        """The mean loss over the response tokens of a microbatch."""


# --- evaluation and watching -----------------------------------------------------------------------------------------


class Evaluator(Component[O], ABC):
    """Measures replies. The host samples, averages, bootstraps over prompts and compares before with after."""

    kind = "evaluator"
    needs_base_logprobs: ClassVar[bool] = False
    """Whether `batch.base_logprobs` is wanted (costs a forward pass of the untouched base)."""

    @abstractmethod
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        """The metrics of one evaluation set, by name; responses to one prompt stand next to each other."""


class Observer(Component[O]):
    """Watches a run: gets frozen events and returns nothing. A failure here warns and never stops the run."""

    kind = "observer"

    def on_run_start(self, event: events.RunStart) -> None:
        """The run begins; configuration and versions are known."""

    def on_rollout(self, event: events.Rollout) -> None:
        """An online stage has sampled and scored a batch."""

    def on_step(self, event: events.Step) -> None:
        """A stage has finished an iteration or an optimizer step."""

    def on_evaluate(self, event: events.Evaluated) -> None:
        """An evaluation has finished."""

    def on_run_end(self, event: events.RunEnd) -> None:
        """The run has ended and its report is written."""


GOALS = ("max", "min")
"""What a reward's `goal` may be."""
KINDS: Mapping[str, type[Component[Any]] | tuple[type[Component[Any]], ...]] = {
    "model": ModelSource,
    "data": DataSource,
    "filter": Filter,
    "reward": Reward,
    "optimizer": (OnlineOptimizer, OfflineOptimizer),
    "evaluator": Evaluator,
    "observer": Observer,
}
"""The kinds of component by name."""
