"""What does not run a model does not load one's libraries: each command is tried in a process of its own."""

import pytest
from dressage import testing

HEAVY = testing.HEAVY | {"detoxify", "rensa"}

YAML = """
model: {base: some/model}
data: {demonstrations: rows.jsonl, comparisons: rows.jsonl, prompts: rows.jsonl}
filters: [near-duplicates, mojibake, pii, {use: by-score, with: {source: profanity, drop_above: 0.5}}]
stages:
  - sft
  - use: ppo
    rewards:
      - reward-model
      - toxicity
      - minilm
      - profanity
      - {use: bias, with: {source: profanity}}
      - {use: bias-classifier, with: {model: some/classifier}}
      - {use: pattern, with: {words: [fool]}}
evaluate:
  sets: {held: held.jsonl}
  measures: [refusal, answered, length, perplexity, distinct, repetition, {use: bias, with: {source: minilm}}]
"""

COMMANDS = {
    "no arguments": [],
    "help": ["--help"],
    "version": ["--version"],
    "help of a command": ["run", "--help"],
    "check": ["check", "run.yaml"],
    "plugins": ["plugins"],
    "plugins as JSON": ["plugins", "--json"],
    "plugins show": ["plugins", "show", "ppo"],
    "init": ["init", "new.yaml"],
    "new-plugin": ["new-plugin", "acme-loud", "--kind", "reward"],
    "a YAML that is wrong": ["run", "wrong.yaml"],
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS.keys())
def test_command_loads_no_tensor_library(arguments, loaded, tmp_path):
    (tmp_path / "run.yaml").write_text(YAML)
    (tmp_path / "wrong.yaml").write_text("model: {bas: some/model}\n")
    for name in ("rows.jsonl", "held.jsonl"):
        (tmp_path / name).write_text('{"prompt": "Hello?"}\n')
    found = loaded(f"from dressage.cli.main import main\ncode = main({arguments!r})\nassert code in (0, 2), code")
    assert "dressage.cli.app" in found
    assert not found & HEAVY


def test_public_api_loads_no_tensor_library(loaded):
    assert not loaded("import dressage, dressage.spec.policy, dressage.testing\ndressage.Run") & HEAVY


def test_plugins_load_no_tensor_library_when_found(loaded):
    found = loaded("from dressage.host import discover\nassert len(discover().catalog.entries('reward')) > 5")
    assert "dressage_ppo" in found
    assert not found & HEAVY


def test_such_a_library_would_be_seen(loaded):
    found = loaded("from dressage.host import discover\ndiscover().catalog.find('optimizer', 'ppo').load()")
    assert "torch" in found & HEAVY
