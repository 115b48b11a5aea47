"""Runs that must not end as if they had done something."""

from __future__ import annotations

import json

import pytest
from dressage.spec.errors import DataError, TrainingError

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


@pytest.mark.parametrize("part", ["data", "prompts", "mix"])
def test_a_prompt_that_is_trained_on_is_not_evaluated(run, tmp_path, part):
    rows = [{"prompt": "never seen?", "response": "no"}, {"prompt": " Valid  1", "response": "yes"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "rows.jsonl"
    keys = {"prompts": f"prompts: {path},", "mix": f"mix: {{use: sft, data: {path}}},"}
    offline = f"stages: [{{use: sft, data: {path}}}]\n"
    text = offline if part == "data" else SILENT.replace("rewards:", f"{keys[part]} rewards:")
    stage = "sft" if part == "data" else "ppo"
    with pytest.raises(
        DataError, match=rf"valid.jsonl:2: .* 'held' also stands in '{stage}.{part}' \(.*rows.jsonl:2\)"
    ):
        run(text + "evaluate: {sets: {held: valid.jsonl}, measures: [size]}\n", tmp_path / "out")
