"""Tiny models of six architectures, and networks on them whose adapters do something."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
import torch
from dressage import ops
from dressage.run.base import Base, load_base
from dressage.run.network import Network
from dressage.run.online import OnlineStage
from dressage.run.sampling import Sample
from dressage.run.scoring import Source
from dressage.run.stages import _freeze_reference
from dressage.spec.components import Component, Context, OnlineOptimizer, Reward
from dressage.spec.errors import Where
from dressage.spec.options import NoOptions
from dressage.spec.plan import Entry, Planned, RewardPlan, StagePlan
from dressage.spec.policy import Losses
from dressage.spec.sections import (
    AdapterConfig,
    ConstraintConfig,
    KLConfig,
    ModelConfig,
    RolloutConfig,
    UpdateConfig,
    ValueConfig,
)
from dressage.spec.types import Batch, Message, Prompt
from dressage.testing import tiny_model

ARCHITECTURES = ("llama", "qwen2", "mistral", "gemma", "gemma2", "gpt2")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small operations on two threads are many times slower on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    """Each architecture in turn."""
    return request.param


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model, made once an architecture."""

    @cache
    def folder(architecture: str = "llama") -> Path:
        return tiny_model(tmp_path_factory.mktemp("models") / architecture, architecture)

    return folder


@pytest.fixture(scope="session")
def make_base(model_folder: Callable[[str], Path]) -> Callable[..., Base]:
    """A freshly loaded base model."""

    def make(architecture: str = "llama", **settings: Any) -> Base:
        settings = {"base": str(model_folder(architecture)), "device": "cpu", "dtype": "float32"} | settings
        return load_base(ModelConfig(**settings), cache=Path("cache"), folder=Path())

    return make


@pytest.fixture(scope="session")
def make_network(make_base: Callable[..., Base]) -> Callable[..., Network]:
    """A network of its own; its policy has been moved away from the base unless `stirred=False`."""

    def make(
        architecture: str = "llama",
        *,
        stirred: bool = True,
        dtype: str = "float32",
        quantize: str = "none",
        **adapter: Any,
    ) -> Network:
        base = make_base(architecture, dtype=dtype, quantize=quantize)
        torch.manual_seed(0)  # peft draws the first weights
        network = Network(base, AdapterConfig(**{"r": 4, "layers": 2} | adapter))
        if stirred:
            stir_adapter(network)
        return network

    return make


def policy(stage: OnlineStage) -> dict[str, torch.Tensor]:
    """The weights of a stage's policy."""
    return stage.network.adapters.state("default")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two adapters have the same weights, to the bit."""
    return all(torch.equal(one[path], other[path]) for path in one)


def scored(stage: OnlineStage, role: str, sample: Sample, temperature: float = 1.0) -> torch.Tensor:
    """Log-probabilities of one reply's tokens under a role, from a pass of its own."""
    batch = stage.network.pad([sample.prompt + sample.ids])
    hidden = stage.network.hidden(batch, role)[:, len(sample.prompt) - 1 : -1]
    with torch.no_grad():
        return stage.network.logprobs(hidden, torch.tensor([sample.ids]), temperature=temperature)[0][0]


def stir_adapter(network: Network, role: str = "default", *, seed: int = 1, size: float = 0.2) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.adapters.parameters(role):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * size)


@pytest.fixture(scope="session")
def stir() -> Callable[..., None]:
    """Gives an adapter random weights, A and B alike."""
    return stir_adapter


@pytest.fixture
def ids() -> Callable[..., tuple[int, ...]]:
    """Random ordinary tokens, no special ones among them."""

    def draw(length: int, seed: int = 0) -> tuple[int, ...]:
        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.randint(10, 300, (length,), generator=generator).tolist())

    return draw


@pytest.fixture(scope="session")
def planned() -> Callable[..., Planned]:
    """A component as a YAML of distribution `acme` names it."""

    def plan(component: type[Component[Any]], name: str = "", path: str = "", **options: Any) -> Planned:
        use = component.__name__.lower()
        entry = Entry(
            use, component.kind, "acme", "1.2", component.options_model, lambda: component,
            online=getattr(component, "online", None), needs=getattr(component, "needs", None),
        )  # fmt: skip
        return Planned(name or use, entry, component.options_model(**options), Where("run.yaml", 7, 3), path or "0")

    return plan


class Climb(OnlineOptimizer[NoOptions]):
    """Plain policy gradient with a value head; remembers what it was given."""

    def __init__(self, options: NoOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.trajectories: list[Any] = []
        self.experiences: list[Any] = []
        self.outputs: list[Any] = []

    def advantages(self, trajectories: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.trajectories.append(trajectories)
        returns = trajectories.rewards.flip(1).cumsum(1).flip(1) * trajectories.mask
        return (returns - trajectories.values) * trajectories.mask, returns

    def loss(self, outputs: Any, experience: Any) -> Losses:
        self.outputs.append(outputs)
        self.experiences.append(experience)
        gain = (outputs.logprobs - experience.logprobs).exp() * experience.advantages
        error = 0.5 * (outputs.values - experience.returns) ** 2
        policy = -ops.masked_mean(gain, outputs.mask)
        moved = ops.masked_mean(ops.kl_estimate(experience.logprobs, outputs.logprobs.detach(), "k3"), outputs.mask)
        return Losses(policy + ops.masked_mean(error, outputs.mask), {"policy_loss": policy, "approximate_kl": moved})


class Judge(Reward[NoOptions]):
    """Answers by the function it is given; by default with the length of the response."""

    judge = staticmethod(lambda prompt, response: float(len(response)))

    def score(self, batch: Batch) -> list[Any]:
        return [self.judge(prompt, response) for prompt, response in zip(batch.prompts, batch.responses, strict=True)]


PROMPTS = [Prompt((Message("user", "why " * (i % 3) + f"question {i}?"),), columns={"n": i}) for i in range(6)]


@pytest.fixture
def make_stage(make_network: Callable[..., Network], planned: Callable[..., Planned]) -> Callable[..., OnlineStage]:
    """An online stage of six prompts and replies of five tokens, each judged by a function; `cost` under a limit."""

    def make(
        judge: Callable[[Prompt, str], Any] | None = None,
        *,
        architecture: str = "llama",
        stirred: bool = True,
        asked: list[Prompt] = PROMPTS,
        weight: float = 1.0,
        cost: Callable[[Prompt, str], Any] | None = None,
        limit: dict[str, Any] | None = None,
        seed: int = 0,
        own: Network | None = None,
        **sections: dict[str, Any],
    ) -> OnlineStage:
        network = make_network(
            architecture, stirred=stirred, **sections.get("model", {}), **sections.get("adapter", {})
        )
        reward = Judge(NoOptions(), Context("judge"))
        if judge is not None:
            reward.judge = judge
        plan = StagePlan(
            planned(Climb),
            RolloutConfig(**{"prompts": 6, "max_new_tokens": 5} | sections.get("rollout", {})),
            UpdateConfig(**{"microbatch": 4, "learning_rate": 1e-2} | sections.get("update", {})),
            KLConfig(**sections.get("kl", {})),
            ValueConfig(**sections.get("value", {})),
            iterations=4,
        )
        sources = [Source(RewardPlan(planned(Judge, "judge"), weight=weight), reward)]
        if limit is not None:
            judged = Judge(NoOptions(), Context("cost"))
            judged.judge = cost or judged.judge
            bound = ConstraintConfig(**limit)
            sources.append(Source(RewardPlan(planned(Judge, "cost"), weight=0.0, limit=bound), judged))
        reference = _freeze_reference(SimpleNamespace(network=network))
        optimizer = Climb(NoOptions(), Context())
        return OnlineStage(plan, optimizer, network, sources, asked, seed=seed, reference=reference, value_network=own)

    return make
