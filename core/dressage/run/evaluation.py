"""Evaluation: replies to the same prompts before, between and after the stages; measures, intervals, paired changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from dressage.run.batching import FORWARD_ROWS
from dressage.run.build import Workshop, guard
from dressage.run.experience import microbatches
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.run.sampling import Sample, Sampling, sample
from dressage.run.seeds import generator_for, settle
from dressage.run.statistics import Estimate, change, estimate
from dressage.spec.components import Evaluator
from dressage.spec.console import Console
from dressage.spec.errors import ComponentError, DataError
from dressage.spec.plan import EvaluatePlan, MeasurePlan
from dressage.spec.types import Batch, Measure, Prompt, Values


@dataclass
class Answers:
    """Replies to one set, and what each measure found."""

    batch: Batch
    measures: dict[str, Mapping[str, Measure]] = field(default_factory=dict)


class Evaluation:
    """All sets, measures and results of a run."""

    def __init__(
        self,
        plan: EvaluatePlan,
        sets: Mapping[str, Sequence[Prompt]],
        workshop: Workshop,
        console: Console,
        settings: Sampling,
    ) -> None:
        self.plan = plan
        self.sets = sets
        self.console = console
        self.settings = settings
        self.seed = workshop.seed
        self.evaluators: list[tuple[MeasurePlan, Evaluator[Any]]] = [
            (measure, workshop.make(measure.component)) for measure in plan.measures
        ]
        self.results: dict[str, dict[str, Answers]] = {}
        """By when (`before`, a stage's name), then by set."""
        self._sampled: dict[tuple[str, str], Batch] = {}
        """By adapter weights and set: what a stage begins with and hands on was often sampled before."""

    def needs_base(self, name: str) -> bool:
        """Whether a measure of this set asks for the base's log-probabilities."""
        return any(evaluator.needs_base_logprobs for plan, evaluator in self.evaluators if name in plan.on)

    def run(
        self,
        network: Network,
        when: str,
        *,
        role: str | None = POLICY,
        only: Sequence[tuple[str, str]] | None = None,
    ) -> dict[str, Answers]:
        """Samples and measures all sets, or only some (measure, set) pairs; whole results are kept under `when`."""
        wanted = [name for name in self.sets if only is None or any(name == s for _, s in only)]
        found: dict[str, Answers] = {}
        for name in wanted:
            measures = [
                pair for pair in self.evaluators
                if name in pair[0].on and (only is None or (pair[0].component.name, name) in only)
            ]  # fmt: skip
            base = any(e.needs_base_logprobs for _, e in measures)
            batch = self.replies(network, name, when, role=role, base=base)
            found[name] = Answers(batch, {plan.component.name: self._measure(plan, e, batch) for plan, e in measures})
        if only is None:
            self.results[when] = found
        return found

    def take(self, when: str, batches: Mapping[str, Batch]) -> None:
        """Measures replies that were sampled before."""
        self.results[when] = {
            name: Answers(
                batch, {p.component.name: self._measure(p, e, batch) for p, e in self.evaluators if name in p.on}
            )
            for name, batch in batches.items()
        }

    def replies(self, network: Network, name: str, when: str, *, role: str | None, base: bool) -> Batch:
        """A role's replies to a set, `samples` to each prompt, standing next to each other.

        Weights that were asked before are not asked again: they would say the same.
        """
        key = (network.adapters.fingerprint(role), name)
        known = self._sampled.get(key)
        if known is None or (base and not known.base_logprobs):
            known = self._sampled[key] = self._sample(network, name, when, role=role, base=base)
        return known

    def _sample(self, network: Network, name: str, when: str, *, role: str | None, base: bool) -> Batch:
        settle(self.seed, "evaluate", name)
        prompts = [prompt for prompt in self.sets[name] for _ in range(self.plan.settings.samples)]
        ids = [network.encoder.encode(prompt) for prompt in prompts]
        _check_lengths(prompts, ids, network.encoder.limit - self.settings.max_new_tokens)
        generator = generator_for(self.seed, "evaluate", name)
        samples: list[Sample] = []
        size = self.settings.batch
        label = f"evaluate {when}: {name}"
        for start in self.console.progress(range(0, len(ids), size), label, -(-len(ids) // size)):
            part = ids[start : start + size]
            samples += sample(network, part, self.settings, generator=generator, role=role, keep_states=base)
        logprobs = base_logprobs(network, samples, self.console, f"{label}: the base's view") if base else ()
        texts = tuple(network.encoder.decode(s.ids) for s in samples)
        return Batch(tuple(prompts), texts, tuple(s.finished for s in samples), logprobs)

    def _measure(self, plan: MeasurePlan, evaluator: Evaluator[Any], batch: Batch) -> Mapping[str, Measure]:
        with guard(plan.component, "measure"):
            found = evaluator.measure(batch)
        for metric, measure in found.items():
            if isinstance(measure, Values) and len(measure.values) != len(batch):
                raise ComponentError(
                    f"{plan.component} gave {len(measure.values)} values of {metric!r} for {len(batch)} responses"
                )
        return found

    def clusters(self, name: str) -> list[int]:
        """Which responses belong together: to one prompt, or to a pair of twins."""
        pairs = [prompt.columns.get("pair") for prompt in self.sets[name]]
        keys = [("row", str(i)) if pair is None else ("pair", str(pair)) for i, pair in enumerate(pairs)]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return [numbers[key] for key in keys for _ in range(self.plan.settings.samples)]

    def estimates(self, answers: Mapping[str, Answers], resamples: int | None = None) -> dict[str, Estimate]:
        """By dotted path MEASURE.SET.METRIC: value, interval, n."""
        found: dict[str, Estimate] = {}
        for name, answer in answers.items():
            clusters = self.clusters(name)
            for measure, metrics in answer.measures.items():
                for metric, values in metrics.items():
                    result = estimate(
                        values, clusters, resamples=resamples or self.plan.settings.resamples, seed=self.seed
                    )
                    if result is not None:
                        found[f"{measure}.{name}.{metric}"] = result
        return found

    def better(self, path: str, answers: Mapping[str, Answers]) -> str:
        """Whether `higher` or `lower` is better of a metric, or `neither`."""
        measure, name, metric = path.split(".", 2)
        found = answers[name].measures[measure].get(metric) if name in answers else None
        return found.better if found is not None else "neither"

    def report(self, stages: Sequence[str]) -> dict[str, Any]:
        """The `evaluators` part of the report."""
        tables = {when: self.estimates(answers) for when, answers in self.results.items()}
        last = next((when for when in reversed(["before", *stages]) if when in tables), None)
        report: dict[str, Any] = {}
        for path, before in tables.get("before", {}).items():
            measure, name, metric = path.split(".", 2)
            entry: dict[str, Any] = {"before": _plain(before), "stages": {}}
            for stage in stages:
                if path in tables.get(stage, {}):
                    entry["stages"][stage] = _plain(tables[stage][path])
            if last is not None and path in tables[last]:
                entry["after"] = _plain(tables[last][path])
            entry |= self._change(measure, name, metric, last)
            report.setdefault(measure, {}).setdefault(name, {})[metric] = entry
        return report

    def _change(self, measure: str, name: str, metric: str, last: str | None) -> dict[str, Any]:
        first = self.results["before"][name].measures[measure][metric]
        found: dict[str, Any] = {"better": first.better, "rate": isinstance(first, Values) and first.rate}
        second = self.results[last][name].measures[measure].get(metric) if last not in (None, "before") else None
        if second is not None:
            settings = {"resamples": self.plan.settings.resamples, "seed": self.seed}
            moved = change(first, second, self.clusters(name), **settings)
            if moved is not None:
                found["change"] = _plain(moved)
        return found


@torch.no_grad()
def base_logprobs(
    network: Network, samples: Sequence[Sample], console: Console, label: str
) -> tuple[tuple[float, ...], ...]:
    """The log-probability of each sampled token under the untouched base, at temperature 1."""
    found: dict[int, tuple[float, ...]] = {}
    budget = FORWARD_ROWS * max((len(s.prompt) + len(s.ids) for s in samples), default=0)
    micros = microbatches(network, samples, range(len(samples)), budget=budget)
    for micro in console.progress(micros, label, len(micros)):
        logprobs = network.logprobs(micro.states(network, None), micro.tokens)[0]
        for row, index in enumerate(micro.rows):
            found[index] = tuple(logprobs[row, : len(samples[index].ids)].tolist())
    return tuple(found[i] for i in range(len(samples)))


def _plain(found: Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def _check_lengths(prompts: Sequence[Prompt], ids: Sequence[tuple[int, ...]], room: int) -> None:
    for prompt, tokens in zip(prompts, ids, strict=True):
        if len(tokens) > room:
            raise DataError(
                f"{prompt.origin or 'a prompt'}: {len(tokens)} tokens, but the model has room for {room} and a reply;"
                " shorten it, or lower max_new_tokens"
            )
