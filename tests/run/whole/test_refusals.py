"""Runs that must not end as if they had done something."""

from __future__ import annotations

import pytest
from dressage.spec.errors import TrainingError

SILENT = """
stages:
  - {use: ppo, iterations: 2, rollout: {prompts: 4, max_new_tokens: 4}, rewards: [letters]}
"""


def test_a_stage_that_learnt_nothing_is_no_success(run, make_plan, tmp_path, monkeypatch):
    letters = make_plan(SILENT).stages[0].rewards[0].component.entry.load()
    monkeypatch.setattr(letters, "score", lambda self, batch: [None] * len(batch))
    with pytest.raises(TrainingError, match="ppo: no reward had an opinion on any reply in 2 iterations"):
        run(SILENT, tmp_path)
    assert not (tmp_path / "report.json").exists()


def test_a_when_that_fits_no_prompt_ends_the_run_before_its_stage(run, tmp_path):
    typo = SILENT.replace("[letters]", "[{use: letters, when: {kind: [typo]}}]")
    with pytest.raises(TrainingError, match=r"\(kind is asked to be typo and is in no row\); mend it"):
        run(typo, tmp_path)
