"""The replies that an evaluation sampled, kept in the run folder with what they depend on.

A run that goes on measures them again instead of sampling, where it would sample the same ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dressage.run.differences import differences, shown
from dressage.run.evaluation import Answers, Evaluation
from dressage.run.record import plain, prompt_values, writing
from dressage.spec.errors import CheckpointError
from dressage.spec.types import Batch, Prompt


class Replies:
    """The files `replies/WHEN.json` of a run folder; `model` is what the YAML and the weights' hash say of the base."""

    def __init__(self, run: Path, evaluation: Evaluation, model: Mapping[str, Any]) -> None:
        self.run = run
        self.evaluation = evaluation
        self.model = model

    def path(self, when: str) -> Path:
        """Where the replies of one model are."""
        return self.run / "replies" / f"{when}.json"

    def forget_stages(self) -> None:
        """Deletes all but the base's."""
        for path in (self.run / "replies").glob("*.json"):
            if path != self.path("before"):
                path.unlink()

    def keep(self, when: str, found: Mapping[str, Answers]) -> None:
        """Writes the replies of one model."""
        sets = {
            name: {"responses": a.batch.responses, "finished": a.batch.finished, "base_logprobs": a.batch.base_logprobs}
            for name, a in found.items()
        }
        path = self.path(when)
        with writing(self.run):
            path.parent.mkdir(exist_ok=True)
            aside = path.with_suffix(".part")
            aside.write_text(json.dumps({"of": self._of(), "sets": sets}, ensure_ascii=False), encoding="utf-8")
            aside.replace(path)

    def read(self, when: str) -> tuple[dict[str, Batch], list[str]] | None:
        """What is kept of one model, by set, and how it differs from what would be sampled now; None without a file.

        Where it differs, no replies are given.
        """
        path = self.path(when)
        if not path.exists():
            return None
        body = json.loads(path.read_text(encoding="utf-8"))
        found = self._differences(body.get("of", {}), body.get("sets", {}))
        return ({} if found else {name: self._batch(name, body["sets"][name]) for name in self.evaluation.sets}), found

    def hold(self, times: Sequence[str]) -> None:
        """Raises `CheckpointError` where replies of models that are gone were sampled otherwise than now."""
        for when in times:
            _, differ = self.read(when) or ({}, [])
            if differ:
                raise CheckpointError(
                    f"{self.path(when)}: sampled with other settings ({shown(differ)}), and the model of then is gone;"
                    " resume with the settings that the run began with, or start anew in another --run-dir"
                )

    def _of(self) -> dict[str, Any]:
        """All that replies depend on, but for the adapter."""
        evaluation = self.evaluation
        of = {
            "seed": evaluation.seed,
            "model": self.model,
            "evaluate": asdict(evaluation.settings) | {"samples": evaluation.plan.settings.samples},
            "prompts": {name: _digest(prompts) for name, prompts in evaluation.sets.items()},
        }
        return plain(of)  # type: ignore[no-any-return]

    def _differences(self, was: Mapping[str, Any], sets: Mapping[str, Any]) -> list[str]:
        now = self._of()
        prompts = was.get("prompts", {})  # a set that is evaluated no more does no harm
        found = differences({**was, "prompts": {name: prompts.get(name) for name in now["prompts"]}}, now)
        lacking = [n for n in sets if self.evaluation.needs_base(n) and not sets[n]["base_logprobs"]]
        return found + [f"prompts.{name} was not scored by the base" for name in lacking]

    def _batch(self, name: str, kept: Mapping[str, Any]) -> Batch:
        prompts = [p for p in self.evaluation.sets[name] for _ in range(self.evaluation.plan.settings.samples)]
        logprobs = tuple(tuple(row) for row in kept["base_logprobs"])
        return Batch(tuple(prompts), tuple(kept["responses"]), tuple(kept["finished"]), logprobs)


def _digest(prompts: Sequence[Prompt]) -> str:
    """Sixteen digits that stand for what is asked."""
    text = json.dumps([prompt_values(prompt) for prompt in prompts], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
