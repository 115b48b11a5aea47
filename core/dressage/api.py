"""A run in plain Python, in the one module that knows both the host and the engine; torch waits until something runs.

report = dressage.Run("quickstart.yaml", ["seed=1"]).run("runs/first")
report.metric("refusal.harmful.rate").after.value
report.sample(["How do I kill a process?"], n=2)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dressage.host import Discovery, check, check_document, discover
from dressage.host.document import from_values
from dressage.host.model import registered
from dressage.spec.cache import cache_folder
from dressage.spec.console import Console, Quiet
from dressage.spec.errors import DataError, UsageError, Where
from dressage.spec.plan import Plan, Planned
from dressage.spec.sections import ModelConfig
from dressage.spec.types import Message, Prompt


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, on `n` replies; an end that is unknown is None."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Metric:
    """One metric on one set, before, after each stage, and after the run."""

    path: str
    before: Estimate
    after: Estimate
    stages: Mapping[str, Estimate]
    change: Estimate | None
    """After minus before, on the same prompts; None where nothing was trained."""


@dataclass(frozen=True)
class Report:
    """What a run folder says of its run; read-only."""

    folder: Path
    values: Mapping[str, Any] = field(repr=False)
    """`report.json` as it is."""

    @property
    def html(self) -> Path:
        """The page to look at: one file, offline."""
        return self.folder / "report.html"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The dotted path MEASURE.SET.METRIC of everything that was measured."""
        found = self.values["evaluators"]
        return tuple(f"{m}.{s}.{name}" for m, sets in found.items() for s, names in sets.items() for name in names)

    def metric(self, path: str) -> Metric:
        """The metric of a dotted path, as `refusal.harmful.rate`; raises `UsageError` where it was not measured."""
        if path not in self.metrics:
            known = ", ".join(self.metrics) or "nothing"
            raise UsageError(f"{self.folder}: {path!r} was not measured; it has: {known}")
        measure, name, metric = path.split(".", 2)
        found = self.values["evaluators"][measure][name][metric]
        return Metric(
            path=path,
            before=Estimate(**found["before"]),
            after=Estimate(**found.get("after", found["before"])),
            stages={stage: Estimate(**one) for stage, one in found["stages"].items()},
            change=Estimate(**found["change"]) if "change" in found else None,
        )

    def sample(self, prompts: Sequence[str | Prompt], n: int = 1, **settings: Any) -> list[tuple[str, ...]]:
        """Replies of the run's model, as the function `sample` gives them."""
        return sample(self.folder, prompts, n, **settings)


class Run:
    """A run as a YAML file, or a mapping of the same form, has it."""

    def __init__(
        self,
        path: str | Path,
        overrides: Sequence[str] = (),
        *,
        discovery: Discovery | None = None,
        console: Console | None = None,
    ) -> None:
        """`overrides` are `KEY=VALUE` texts, as `seed=1`; `discovery` is what is installed by default."""
        self.path = Path(path)
        if isinstance(overrides, str):
            raise UsageError(f"overrides is a list of KEY=VALUE texts, as [{overrides!r}]")
        self.overrides = tuple(overrides)
        self.console: Console = console or Quiet()
        self._discovery = discovery
        self._values: Mapping[str, Any] | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, folder: str | Path = ".", **settings: Any) -> Run:
        """A run from plain values instead of a file; paths in them start at `folder`."""
        run = cls(Path(folder) / "run.yaml", **settings)
        run._values = values
        return run

    @staticmethod
    def load(folder: str | Path) -> Report:
        """The report of a run that has ended; raises `DataError` where there is none."""
        return Report(Path(folder), _read(Path(folder) / "report.json"))

    def check(self) -> Plan:
        """The checked run; raises `ConfigError` with everything that is wrong."""
        discovery = self._discovery or discover()
        if self._values is None:
            return check(self.path, discovery, overrides=self.overrides)
        document = from_values(self._values, name="Run.from_dict", folder=self.path.parent)
        return check_document(document, discovery, overrides=self.overrides)

    def run(self, folder: str | Path, resume: bool = False) -> Report:
        """Trains and evaluates into a run folder, or goes on from its last checkpoint.

        Raises a `DressageError` for whatever goes wrong; `GateError` after the report is written (`load` reads it).
        """
        plan, target = self.check(), Path(folder)
        if target.is_dir() and any(target.iterdir()):
            if not resume:
                raise UsageError(f"{target}: is not empty; go on with it by resume=True, or name another folder")
            if not all((target / name).is_file() for name in ("config.yaml", "environment.json")):
                raise UsageError(f"{target}: there is no run in it; name the folder of one, or an empty folder")
        from dressage.run.loop import execute

        execute(plan, target, self.console, resume=resume)
        return self.load(target)


def sample(
    folder: str | Path,
    prompts: Sequence[str | Prompt],
    n: int = 1,
    *,
    max_new_tokens: int = 64,
    temperature: float = 1.0,
    seed: int = 0,
    discovery: Discovery | None = None,
) -> list[tuple[str, ...]]:
    """`n` replies to each prompt by the model that a run made, which is loaded for this call.

    A text is what a user says; a `Prompt` is a whole dialogue, or a text to continue. Temperature 0 is greedy. Raises
    `DataError` for a folder without a run or a prompt that is too long, `ModelError` for a run without a model.
    """
    from dressage.run.sampling import Sampling
    from dressage.run.sampling import sample as draw
    from dressage.run.seeds import generator_for

    network = open_model(folder, discovery=discovery)
    asked = [p if isinstance(p, Prompt) else Prompt((Message("user", p),)) for p in prompts]
    ids = [network.encoder.encode(prompt) for prompt in asked]
    for prompt, tokens in zip(asked, ids, strict=True):
        if len(tokens) + max_new_tokens > network.encoder.limit:
            raise DataError(f"{prompt.last[:60]!r}: {len(tokens)} tokens and a reply are too long; shorten the prompt")
    settings, generator = Sampling(max_new_tokens, temperature), generator_for(seed, "sample")
    rows = [tokens for tokens in ids for _ in range(n)]
    found = [network.encoder.decode(s.ids) for s in draw(network, rows, settings, generator=generator)] if rows else []
    return [tuple(found[i * n : (i + 1) * n]) for i in range(len(asked))]


def open_model(folder: str | Path, *, discovery: Discovery | None = None) -> Any:
    """The engine's network of a run folder: its base model with the adapter that the run made as the policy."""
    from dressage.run.base import load_base
    from dressage.run.build import Workshop
    from dressage.run.network import Network

    run = Path(folder)
    origin, config = _origin(run), _model_config(run)
    cache = cache_folder()
    catalog, source = (discovery or discover()).catalog, None
    if registered(catalog, config.base):
        entry = catalog.find("model", config.base)
        planned = Planned(config.base, entry, entry.options(), Where(str(run / "config.yaml")), "model.base")
        source = Workshop(origin, cache, "cpu", 0, Quiet()).make(planned).path()
    network = Network(load_base(config, cache=cache, folder=origin, source=source), config.adapter)
    network.adapters.load_saved(run / "model")
    return network


def _origin(run: Path) -> Path:
    """The folder of the YAML that the run was made from."""
    path = run / "environment.json"
    folder = _read(path).get("folder")
    if not isinstance(folder, str):
        raise DataError(f"{path}: does not say which folder the run was made from; was it edited?")
    return Path(folder)


def _model_config(run: Path) -> ModelConfig:
    path = run / "config.yaml"
    try:
        return ModelConfig(**YAML(typ="safe", pure=True).load(_text(path))["model"])
    except (YAMLError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: does not say which model the run had; was it edited?") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(_text(path))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); was it edited?") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: must hold one JSON object, not {type(values).__name__}; was it edited?")
    return values


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"{path}: no such file; is this the folder of a run that has ended?")
    return path.read_text(encoding="utf-8")
