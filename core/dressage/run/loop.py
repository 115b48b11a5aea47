"""A whole run, from top to bottom as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from dressage.run import devices, filtering, report, verdict
from dressage.run.base import load_base, locate
from dressage.run.budget.line import fits
from dressage.run.build import Workshop
from dressage.run.detectors import written
from dressage.run.evaluation import Evaluation
from dressage.run.gguf import made_before
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.run.record import RunFolder, environment, plain, sample_rows, writing
from dressage.run.replies import Replies
from dressage.run.report.folder import read_run
from dressage.run.sampling import Sampling
from dressage.run.seeds import settle
from dressage.run.selection import check_gate, check_metric
from dressage.run.session import Session
from dressage.run.stages import run_stage
from dressage.run.tables import Library, prompts_of, refuse_overlap
from dressage.run.watch import Watchers
from dressage.spec import events
from dressage.spec.cache import cache_folder
from dressage.spec.console import Console
from dressage.spec.errors import GateError
from dressage.spec.plan import Plan, PluginRecord
from dressage.spec.types import Card


def execute(
    plan: Plan,
    folder: Path,
    console: Console,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    check_memory: bool = True,
) -> dict[str, Any]:
    """Runs a plan into a folder and returns its report.

    `check_memory`: whether a run that cannot fit is refused before anything is loaded. Raises a `DressageError` for
    everything that can go wrong; `GateError` after the report is written.
    """
    fits(plan, console, refusing=check_memory)
    with _open(plan, folder, console, stop) as session:
        _read_data(session)
        first, step, state = 0, 0, None
        if resume:
            first, step, state = _resumed(session)
        _begin(session)
        session.evaluate("before")
        for stage in plan.stages:
            check_metric(stage.select, session.evaluation)
        check_gate(plan.gate, session.evaluation)
        for index, stage in enumerate(plan.stages):
            if index >= first:
                run_stage(session, index, state if index == first else None)
            if index >= _present(first, step) or session.replies.path(stage.name).exists():
                session.evaluate(stage.name)
        return _finish(session)


def measure(plan: Plan, folder: Path, console: Console, *, model: Path | None = None) -> dict[str, Any]:
    """Evaluates a plan's base model, or the adapter that an earlier run saved in `model`, without training."""
    with _open(plan, folder, console, lambda: False) as session:
        _begin(session)
        session.evaluate("before")
        if model is not None:
            session.network.adapters.load_saved(model)
            session.evaluate("after")
            past = read_run(model.parent).report  # marks rest on what the run was trained on and selected by
            session.filters, session.stages = list(past.get("filters", ())), list(past.get("stages", ()))
            session.stages.append({"name": "after", "use": "adapter", "online": False, "rewards": [], "selected": None})
        return _finish(session, save=False)


def _resumed(session: Session) -> tuple[int, int, Any]:
    """Which stage to go on with, the steps of it that are done, and its state; the start where nothing is saved yet."""
    whole = session.restore()
    if whole is None:
        session.console.line("resuming: no checkpoint was written yet, so from the start")
        return 0, 0, None
    first, step = int(whole["stage"]), int(whole["step"])
    session.replies.hold([stage.name for stage in session.plan.stages[: _present(first, step)]])
    session.console.line(f"resuming at stage {first + 1}, step {step}")
    return first, step, whole["state"] or None  # a stage that was not begun has none


def _present(first: int, step: int) -> int:
    """The first stage whose adapter is still there: a checkpoint at a stage's end has the one it handed on."""
    return first if step else max(first - 1, 0)


@contextmanager
def _open(plan: Plan, folder: Path, console: Console, stop: Callable[[], bool]) -> Iterator[Session]:
    """A session that closes its components however it ends."""
    devices.keep_freed_memory()
    record = RunFolder(folder)
    cache = cache_folder()
    workshop = Workshop(plan.folder, cache, str(devices.choose_device(plan.model.device)), plan.seed, console)
    try:
        with record.phase("total"):
            yield _session(plan, record, workshop, stop)
    finally:
        workshop.close()


def _session(plan: Plan, record: RunFolder, workshop: Workshop, stop: Callable[[], bool]) -> Session:
    """Loads the base once, makes the components."""
    console = workshop.console
    with record.phase("load"):
        source, card = _registered(plan, workshop)
        _tell_conversion(locate(plan.model.base, source, plan.folder), workshop)
        base = load_base(plan.model, cache=workshop.cache, folder=plan.folder, source=source, card=card)
        settle(plan.seed, "adapter")  # peft draws the first weights
        network = Network(base, plan.model.adapter)
    _first_lines(plan, record, network, console)
    library = Library(plan, workshop)
    sets = {
        name: prompts_of(library.table(f"evaluate.{name}", plans).examples)
        for name, plans in plan.evaluate.sets.items()
    }
    evaluation = Evaluation(plan.evaluate, sets, workshop, console, _sampling(plan))
    watchers = Watchers(plan.observers, workshop, console)
    model = plan.model.model_dump(mode="json", include={"base", "quantize", "dtype", "revision"})
    replies = Replies(record.path, evaluation, model | {"sha256": base.card.sha256})
    return Session(plan, record, console, stop, workshop, network, library, watchers, evaluation, replies)


def _begin(session: Session) -> None:
    """Writes down what runs where; only now, so that a run that may not go on leaves its folder as it was."""
    plan, record, base = session.plan, session.record, session.network.base
    about = environment(plan, devices.describe(base.device), str(base.dtype).removeprefix("torch."))
    record.write_json("environment.json", about)  # first: a folder with a config.yaml alone may be a user's own
    text = StringIO()
    YAML().dump(plain(plan.resolved), text)
    record.write("config.yaml", text.getvalue())
    session.watchers.start(events.RunStart(record.path, plan.resolved, about))


def _registered(plan: Plan, workshop: Workshop) -> tuple[Path | None, Card | None]:
    if plan.base is None:
        return None, None
    source = workshop.make(plan.base)
    return source.path(), source.card()


def _tell_conversion(place: str, workshop: Workshop) -> None:
    """What a GGUF file's first run waits for."""
    path = Path(place)
    if path.suffix == ".gguf" and path.is_file() and made_before(path, workshop.cache) is None:
        workshop.console.line(f"model    {path.name}: written once as bf16 safetensors into {workshop.cache}")


def _first_lines(plan: Plan, record: RunFolder, network: Network, console: Console) -> None:
    base = network.base
    trained = sum(p.numel() for p in network.adapters.parameters(POLICY))
    layers = f"the last {network.adapters.layers} of {network.adapters.depth} layers"
    layers = layers if network.adapters.split else f"all {network.adapters.depth} layers"
    if (network.adapters.config.layers or 0) > network.adapters.depth:
        wanted = network.adapters.config.layers
        console.warn(f"model.adapter.layers is {wanted}, but the model has {network.adapters.depth}: all get adapters")
    kept = "frozen layers computed once" if network.keeps_states else "nothing kept below them for this architecture"
    kept = kept if network.adapters.split else "no layer is frozen"
    console.line(f"device   {devices.describe(base.device)}, base weights in {str(base.dtype).removeprefix('torch.')}")
    console.line(f"model    {plan.model.base}: {base.parameters / 1e6:.0f} M weights, quantize {plan.model.quantize}")
    console.line(f"adapter  LoRA r {plan.model.adapter.r} on {layers}: {trained / 1e6:.2f} M weights, {kept}")
    console.line("plugins  " + ", ".join(f"{p.distribution} {p.version}" for p in active(plan)))
    console.line(f"folder   {record.path}")


def active(plan: Plan) -> list[PluginRecord]:
    """The plugins whose components the run names."""
    named = {f.component.entry.distribution for f in plan.filters}
    named |= {s.component.entry.distribution for s in plan.stages}
    named |= {m.component.entry.distribution for m in plan.evaluate.measures}
    named |= {r.component.entry.distribution for s in plan.stages for r in s.rewards}
    named |= {s.mix.component.entry.distribution for s in plan.stages if s.mix is not None}
    named |= {o.entry.distribution for o in plan.observers}
    named |= {d.source.entry.distribution for plans in plan.data.values() for d in plans if d.source is not None}
    named |= {plan.base.entry.distribution} if plan.base is not None else set()
    return [p for p in plan.plugins if p.distribution in named]


def _sampling(plan: Plan) -> Sampling:
    """How evaluation samples: as the last online stage does, unless the YAML says otherwise."""
    settings = plan.evaluate.settings
    last = next((stage.rollout for stage in reversed(plan.stages) if stage.online), None)
    tokens = settings.max_new_tokens or (last.max_new_tokens if last else 64)
    temperature = settings.temperature if settings.temperature is not None else (last.temperature if last else 1.0)
    return Sampling(tokens, temperature, last.batch if last else Sampling.batch)


def _read_data(session: Session) -> None:
    """Reads and filters the training data, and refuses evaluation prompts that stand in it."""
    plan = session.plan
    with session.record.phase("data"):
        for name, plans in plan.data.items():
            table = session.library.table(name, plans)
            session.rows[name] = list(table.examples)
            bad = f", {len(table.bad)} bad rows skipped" if table.bad else ""
            session.console.line(f"data     {name}: {len(table.examples)} rows, {table.shape}{bad}")
        for step in plan.filters:
            component = session.workshop.make(step.component)
            for name in step.on:
                rows = session.rows[name]
                outcome = filtering.apply(step, component, rows, session.console)
                session.rows[name] = outcome.rows
                inside = {"detectors": written(step.component, session.workshop)}
                session.filters.append({**filtering.summary(step, name, len(rows), outcome), **inside})
                dropped = ", ".join(f"{n} {reason}" for reason, n in outcome.dropped.most_common()) or "none dropped"
                session.console.line(
                    f"filter   {step.component.name} on {name}: {len(rows)} -> {len(outcome.rows)} rows"
                    f" ({dropped}; {outcome.changed} changed)"
                )
        training = dict(session.rows)
        for stage in plan.stages:
            parts: tuple[Literal["data", "prompts", "mix"], ...] = ("prompts", "mix") if stage.online else ("data",)
            training |= {f"{stage.name}.{part}": session.rows_of(stage, part) for part in parts}
        refuse_overlap(session.evaluation.sets, training)


def _finish(session: Session, *, save: bool = True) -> dict[str, Any]:
    """Writes model, samples and report; the gate has the last word."""
    plan, record, evaluation = session.plan, session.record, session.evaluation
    names = [stage["name"] for stage in session.stages]
    if save and plan.stages:
        with writing(record.path):
            session.network.adapters.save(record.path / "model")
            session.network.encoder.tokenizer.save_pretrained(record.path / "model")
    record.write("samples.jsonl", "")
    for row in sample_rows(evaluation, names):
        record.append("samples.jsonl", row)
    evaluators = evaluation.report(names)
    trained = plan if session.stages else replace(plan, stages=(), filters=())  # a bare base was not trained
    measures = verdict.marks(trained, session.workshop, verdict.Past(session.stages, session.filters))
    result = _report(session, evaluators, measures)
    record.write_json("report.json", result)
    with writing(record.path):
        report.write_html(record.path)
    session.watchers.end(events.RunEnd(record.path, result))
    failed = [c for c in result["gate"]["conditions"] if c["verdict"] != "met"]
    if failed:
        shown = "; ".join(f"{c['metric']} {c['verdict']}" + (f" ({c['why']})" if c["why"] else "") for c in failed)
        raise GateError(f"the gate is {result['gate']['verdict']}: {shown}; see {record.path / 'report.html'}")
    return result


def _report(session: Session, evaluators: Mapping[str, Any], measures: list[dict[str, Any]]) -> dict[str, Any]:
    plan, network, record = session.plan, session.network, session.record
    base = network.base
    kept = {name: len(rows) for name, rows in session.rows.items()}
    seconds = record.elapsed()
    seconds["total"] = seconds.pop("total")  # last, also in a run that went on
    return {
        "name": record.path.name,
        "status": "complete",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seed": plan.seed,
        "seconds": seconds,
        "peak_bytes": devices.peak_bytes(base.device),
        "model": {
            "base": plan.model.base,
            "architecture": type(base.model).__name__,
            "parameters": base.parameters,
            "trained_parameters": sum(p.numel() for p in network.adapters.parameters(POLICY)),
            "dtype": str(base.dtype).removeprefix("torch."),
            "quantize": plan.model.quantize,
            "device": devices.describe(base.device),
            "adapter": {"r": plan.model.adapter.r, "layers": network.adapters.layers, "depth": network.adapters.depth},
            "card": {k: getattr(base.card, k) for k in ("name", "licence", "source", "sha256", "note")},
            "sha256": base.card.sha256,
        },
        "plugins": [{"distribution": p.distribution, "version": p.version} for p in active(plan)],
        "data": session.library.report(kept),
        "filters": session.filters,
        "stages": session.stages,
        "measures": measures,
        "evaluators": evaluators,
        "gate": verdict.gate(plan, evaluators, measures),
    }
