"""A run gives freed memory back after each iteration and each stage."""

from __future__ import annotations

from dressage.run import devices

RUN = """
stages:
  - {use: sft, update: {batch: 4}}
  - {use: ppo, iterations: 3, rollout: {prompts: 4, max_new_tokens: 4}, rewards: [letters]}
"""


def test_memory_goes_back_after_iterations_and_stages(run, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(devices, "return_freed_memory", lambda: given.append(None))
    run(RUN, tmp_path / "run")
    assert len(given) == 3 + 2
