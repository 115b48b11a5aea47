"""The online iteration: sample, score, compose rewards, estimate advantages, update. PPO, A2C and others plug in.

The order of one iteration, as it happens in `OnlineStage.iterate`:
1. prompts of this iteration, a reply to each from the merged policy; the frozen trunk's states are kept
2. scores of all rewards; rows on which none has an opinion leave
3. old and reference log-probabilities, values and entropies, from the same microbatches as the update
4. per-token rewards: the score at the last token, minus beta (logp - logp_ref) at each
5. advantages and returns by the optimizer, once a stream (the total, each limited source), combined by the limits'
   multipliers and whitened over the batch
6. epochs of minibatches: the optimizer's loss, the core's backward
7. the value head where it is solved, the KL controller, metrics
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeAlias

import torch
from torch import Tensor

from dressage import ops
from dressage.run import probe
from dressage.run.build import guard
from dressage.run.critic import Critic
from dressage.run.experience import Micro, Recorded, minibatches, record, select
from dressage.run.learner import Learner
from dressage.run.limits import Limits
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.run.sampling import Sample, Sampling, sample
from dressage.run.scoring import Scores, Source, score
from dressage.run.seeds import generator_for, rng_for, settle
from dressage.run.streams import Estimates, Rows, compose, estimate, fit_values, gathered, value_loss
from dressage.spec.components import OnlineOptimizer
from dressage.spec.errors import DataError
from dressage.spec.plan import StagePlan
from dressage.spec.policy import Experience, Losses, Outputs
from dressage.spec.sections import ValueConfig
from dressage.spec.types import Batch, Prompt

REFERENCE = "reference"
Mixed: TypeAlias = Callable[[int], Iterable[tuple[float, Callable[[], Losses]]]]


@dataclass(frozen=True)
class Turn:
    """What an iteration showed: for the log, the observers and the record."""

    iteration: int
    batch: Batch
    scores: Scores
    metrics: Mapping[str, float]


class OnlineStage:
    """A stage that learns from its own samples."""

    def __init__(
        self,
        plan: StagePlan,
        optimizer: OnlineOptimizer[Any],
        network: Network,
        sources: Sequence[Source],
        prompts: Sequence[Prompt],
        *,
        seed: int,
        reference: str | None,
        mixed: Mixed = lambda step: (),
        value_network: Network | None = None,
    ) -> None:
        self.plan = plan
        self.optimizer = optimizer
        self.network = network
        self.sources = sources
        self.prompts = prompts
        self.seed = seed
        self.reference = reference
        """The adapter that holds the model as the stage found it; None where that is the bare base."""
        self.mixed = mixed
        self.limits = Limits(sources)
        values = plan.value if optimizer.uses_values else ValueConfig()
        self.streams = 1 + len(self.limits.names)
        self.critic = Critic(network, values, streams=self.streams, own=value_network)
        steps = plan.iterations * plan.update.epochs * plan.update.minibatches
        self.learner = Learner(
            network.adapters.parameters(POLICY),
            plan.update,
            steps=steps,
            head=self.critic.head.trained if optimizer.uses_values else [],
            apart=self.critic.adapter,
        )
        self.beta = plan.kl.beta
        self.samples: list[Sample] = []
        """The current iteration's; a fitted reward scores them on the base."""
        self._encoded = [self._encode(prompt) for prompt in prompts]
        self._budget = plan.update.microbatch * (max(map(len, self._encoded)) + plan.rollout.max_new_tokens)

    def _encode(self, prompt: Prompt) -> tuple[int, ...]:
        ids = self.network.encoder.encode(prompt)
        limit = min(self.network.encoder.limit, self.critic.network.encoder.limit)
        room = limit - self.plan.rollout.max_new_tokens
        if len(ids) > room:
            raise DataError(
                f"{prompt.origin or 'a prompt'}: {len(ids)} tokens, but the model takes {limit}"
                f" with max_new_tokens {self.plan.rollout.max_new_tokens}; shorten it, or lower rollout.max_new_tokens"
            )
        return ids

    def iterate(self, iteration: int) -> Turn:
        """One iteration, from prompts to metrics."""
        settle(self.seed, self.plan.name, iteration)
        rows, batch = self._rollout(iteration)
        scores = score(self.sources, batch, max_without_opinion=self.plan.max_without_opinion)
        known = [i for i, total in enumerate(scores.totals) if total is not None]
        metrics = self._score_metrics(batch, scores)
        if not known:  # nobody has an opinion on this batch: nothing to learn from it
            return Turn(iteration, batch, scores, metrics)
        update = self.plan.update
        rng = rng_for(self.seed, self.plan.name, iteration, "minibatches")
        parts = minibatches(self.network, self.samples, known, count=update.minibatches, budget=self._budget, rng=rng)
        with torch.no_grad():
            seen = record(
                self.network, parts, self.critic.values, rows=len(batch), streams=self.streams, role=POLICY,
                reference=self.reference, temperature=self.plan.rollout.temperature,
            )  # fmt: skip
            metrics |= self.limits.observe(scores)
            found = self._estimates(seen, scores, rows)
        if self.learner.step_count == 0:
            self._probe(parts[0][0], found.whole)
        metrics |= self._update(parts, found, rng)
        if self.optimizer.uses_values:
            fit_values(self.critic.head, seen, found)
        metrics |= self._rollout_metrics(seen, found.whole, known)
        if self.plan.kl.target is not None:
            self.beta = ops.adaptive_kl(
                self.beta, metrics["kl"], target=self.plan.kl.target, horizon=self.plan.kl.horizon, n=len(known)
            )
        return Turn(iteration, batch, scores, metrics)

    # --- 1: rollout ---------------------------------------------------------------------------------------------------

    def _rollout(self, iteration: int) -> tuple[list[int], Batch]:
        rollout = self.plan.rollout
        rows = [i for i in self._take(iteration) for _ in range(rollout.samples)]
        settings = Sampling(rollout.max_new_tokens, rollout.temperature, rollout.batch)
        generator = generator_for(self.seed, self.plan.name, iteration, "rollout")
        ids = [self._encoded[i] for i in rows]
        self.samples = sample(self.network, ids, settings, generator=generator, keep_states=True)
        decode = self.network.encoder.decode
        batch = Batch(
            tuple(self.prompts[i] for i in rows),
            tuple(decode(s.ids) for s in self.samples),
            tuple(s.finished for s in self.samples),
        )
        return rows, batch

    def _take(self, iteration: int) -> list[int]:
        """The prompts of an iteration: a new order each time all have been asked."""
        wanted, start = self.plan.rollout.prompts, (iteration - 1) * self.plan.rollout.prompts
        return [self._order(at // len(self.prompts))[at % len(self.prompts)] for at in range(start, start + wanted)]

    def _order(self, round_: int) -> list[int]:
        order = list(range(len(self.prompts)))
        rng_for(self.seed, self.plan.name, "prompts", round_).shuffle(order)
        return order

    # --- 4 and 5: rewards, advantages ---------------------------------------------------------------------------------

    def _estimates(self, seen: Recorded, scores: Scores, groups: Sequence[int]) -> Estimates:
        rows = Rows(self.samples, groups, len(self.prompts), self.network.encoder)
        streams = compose(scores, self.limits.names, seen, rows, beta=self.beta)
        with guard(self.plan.component, "estimate advantages"):
            raw = [estimate(self.optimizer, stream) for stream in streams]
        advantages = self.limits.combine(raw[0][0], [costs for costs, _ in raw[1:]])
        if self.plan.update.whiten:
            advantages = ops.whiten(advantages, seen.mask)
        return gathered(seen, streams, advantages, [returns for _, returns in raw])

    # --- 6: update ----------------------------------------------------------------------------------------------------

    def _update(self, parts: list[list[Micro]], found: Estimates, rng: Any) -> dict[str, float]:
        totals: dict[str, float] = {}
        count = 0
        for _ in range(self.plan.update.epochs):
            order = list(parts)
            rng.shuffle(order)
            epoch = []
            for part in order:
                micros = chain(self._microbatches(part, found), self.mixed(self.learner.step_count))
                epoch.append(self.learner.step(micros, name=self.plan.name))
            for numbers in epoch:
                count += 1
                for key, value in numbers.items():
                    totals[key] = totals.get(key, 0.0) + value
            moved = sum(n.get("approximate_kl", 0.0) for n in epoch) / len(epoch)
            if self.plan.update.stop_kl is not None and moved > self.plan.update.stop_kl:
                break
        return {key: value / count for key, value in totals.items()}

    def _microbatches(self, part: Sequence[Micro], found: Estimates) -> Iterator[tuple[float, Any]]:
        units = [self._units(micro.mask) for micro in part]
        for micro, count in zip(part, units, strict=True):
            yield count / sum(units), lambda micro=micro: self._loss(micro, found)

    def _units(self, mask: Tensor) -> float:
        return float(mask.any(dim=1).sum() if self.optimizer.unit == "item" else mask.sum())

    def _loss(self, micro: Micro, found: Estimates) -> Losses:
        outputs, values = self._outputs(micro)
        with guard(self.plan.component, "compute its loss"):
            losses = self.optimizer.loss(outputs, select(micro, found.whole))
            if not (self.optimizer.uses_values and self.critic.head.trained):
                return losses
            loss = losses.loss
            for value, whole in zip(values, found.costs, strict=True):
                cost = select(micro, whole)
                share = self._units(cost.mask) / self._units(micro.mask)
                if share > 0:
                    loss = loss + share * value_loss(self.optimizer, outputs, value, cost).loss
            return replace(losses, loss=loss)

    def _outputs(self, micro: Micro) -> tuple[Outputs, Tensor]:
        """What the policy says now, and the values of each limited source's stream, [limits, B, T]."""
        states = micro.states(self.network, POLICY)
        logprobs, entropy, _ = self.network.logprobs(
            states,
            micro.tokens,
            temperature=self.plan.rollout.temperature,
            entropy_gradient=self.optimizer.uses_entropy,
        )
        values = self.critic.values(micro, states)
        return Outputs(logprobs * micro.mask, values[0], entropy * micro.mask, micro.mask), values[1:]

    @torch.no_grad()
    def _probe(self, micro: Micro, whole: Experience) -> None:
        """Before the first update the policy must equal itself and its reference."""
        old = select(micro, whole)
        ratio = float(((self._outputs(micro)[0].logprobs - old.logprobs) * micro.mask).abs().max().exp() - 1)
        distance = float(((old.logprobs - old.ref_logprobs) * micro.mask).abs().max())
        probe.check(self.plan.name, ratio, distance)

    # --- 7: metrics ---------------------------------------------------------------------------------------------------

    def _score_metrics(self, batch: Batch, scores: Scores) -> dict[str, float]:
        found = {"score": _mean(scores.totals), "no_opinion": sum(t is None for t in scores.totals) / len(batch)}
        for name, column in scores.columns.items():
            found[f"reward.{name}.raw"] = _mean(column.raw)
            found[f"reward.{name}.weighted"] = _mean(column.weighted)
        found["finished"] = sum(batch.finished) / len(batch)
        found["response_length"] = sum(len(s.ids) for s in self.samples) / len(self.samples)
        return found

    def _rollout_metrics(self, seen: Recorded, whole: Experience, known: Sequence[int]) -> dict[str, float]:
        rows, mask = torch.as_tensor(known, device=seen.mask.device), seen.mask
        distance = ops.kl_estimate(seen.logprobs, seen.ref_logprobs, "k1") * mask
        sampled = torch.zeros_like(mask)
        for row in known:
            sampled[row, : len(self.samples[row].logprobs)] = torch.tensor(
                self.samples[row].logprobs, device=mask.device
            )
        drift = ops.kl_estimate(sampled, seen.logprobs, "k3") * mask
        return {
            "kl": float(distance[rows].sum(-1).mean()),
            "kl_per_token": float(ops.masked_mean(distance, mask)),
            "sampler_kl": float(ops.masked_mean(drift, mask)),
            "entropy": float(ops.masked_mean(seen.entropy, mask)),
            "explained_variance": float(ops.explained_variance(whole.values, whole.returns, mask)),
            "beta": self.beta,
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything but the adapter: optimizer, value function, controller, multipliers, running moments."""
        moments = {s.name: [s.moments.count, s.moments.mean, s.moments.squares] for s in self.sources}
        parts = {s.name: s.reward.state_dict() for s in self.sources}
        return {
            "learner": self.learner.state_dict(), "value": self.critic.state_dict(), "beta": self.beta,
            "moments": moments, "rewards": parts, "algorithm": self.optimizer.state_dict(),
            "limits": self.limits.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes it back."""
        self.learner.load_state_dict(state["learner"])
        self.critic.load_state_dict(state["value"])
        self.beta = float(state["beta"])
        self.optimizer.load_state_dict(state["algorithm"])
        self.limits.load_state_dict(state["limits"])
        for source in self.sources:
            count, mean, squares = state["moments"][source.name]
            source.moments = replace(source.moments, count=int(count), mean=mean, squares=squares)
            source.reward.load_state_dict(state["rewards"][source.name])


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")
