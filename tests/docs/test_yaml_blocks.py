"""Every YAML of the documents passes the check: a whole one as it is, a part inside of one."""

import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from dressage.host import check
from dressage.host.config import KEYS
from dressage.spec.errors import ConfigError
from ruamel.yaml import YAML

from tests.docs.conftest import ROOT, Block, blocks, pages

READMES = sorted(ROOT.glob("plugins/*/README.md")) + sorted(ROOT.glob("examples/*/README.md"))
BLOCKS = [block for path in [*pages(), *READMES] for block in blocks(path, "yaml")]
ROW = '{"prompt": "What is a horse?", "response": "An animal."}\n'


def read(text: str):
    return YAML(typ="safe", pure=True).load(text)


def whole(part: dict) -> dict:
    """A run around a part of one."""
    base = {
        "version": 1,
        "model": {"base": "smollm2-135m"},
        "data": {name: f"data/{name}.jsonl" for name in ("demonstrations", "comparisons", "prompts")},
        "stages": [{"use": "ppo", "rewards": part.pop("rewards", ["profanity"])}],
        "evaluate": {
            "sets": {name: f"data/{name}.jsonl" for name in ("harmful", "harmless", "provocations", "mixed", "twins")},
            "measures": part.pop("measures", ["refusal", "profane-words"]),
        },
    }
    return {**base, **part, **{key: {**base[key], **part.get(key, {})} for key in ("data", "evaluate")}}


def make_files(value, folder: Path) -> None:
    """Makes every data file that a YAML names."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            make_files(one, folder)
    elif isinstance(value, str) and value.endswith(".jsonl"):
        (folder / value).parent.mkdir(parents=True, exist_ok=True)
        (folder / value).write_text(ROW)


def problems(values: dict, folder: Path, host) -> list[str]:
    make_files(values, folder)
    path = folder / "run.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(values, file)
    try:
        check(path, host, environ={})
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_there_are_blocks():
    assert len(BLOCKS) > 20
    assert any("version" in read(block.text) for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block_passes_the_check(block: Block, host, tmp_path):
    values = read(block.text)
    assert set(values) <= {*KEYS, "rewards", "measures"}
    assert problems(values if "version" in values else whole(values), tmp_path, host) == []


def test_a_wrong_block_would_not_pass(host, tmp_path):
    assert any("did you mean" in one for one in problems(whole({"filters": ["near-duplicate"]}), tmp_path, host))


def test_one_word_swaps_of_the_readme_pass(host, tmp_path):
    (tmp_path / "run.yaml").write_text(readme_run())
    for setting in ("stages.1.use=a2c", "stages.1.use=rloo", "stages.1.rewards.0.use=minilm"):
        check(tmp_path / "run.yaml", host, overrides=[setting], environ={})


@pytest.mark.parametrize("text", [None, (ROOT / "examples" / "quickstart.yaml").read_text()], ids=["short", "whole"])
def test_swaps_that_the_readme_shows_pass(text, host, tmp_path):
    (tmp_path / "run.yaml").write_text(text or readme_run())
    own = ["stages.1.with={}"] if text else []  # the optimizer's own options go with it
    (line,) = [line for line in (ROOT / "README.md").read_text().splitlines() if "use=a2c" in line]
    words = shlex.split(line)
    settings = [value for flag, value in pairwise(words) if flag == "--set"]
    assert len(settings) == 2
    plan = check(tmp_path / "run.yaml", host, overrides=own + settings, environ={})
    assert (plan.stages[1].component.entry.name, plan.stages[1].rewards[0].component.name) == ("a2c", "shouting")


def test_error_that_the_readme_shows_is_the_one_that_is_given(host, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quickstart.yaml").write_text(readme_run().replace("iterations:", "iteration:"))
    with pytest.raises(ConfigError) as caught:
        check(Path("quickstart.yaml"), host, environ={})
    assert f"error: {caught.value}\n" in (ROOT / "README.md").read_text()


def readme_run() -> str:
    return next(block.text for block in BLOCKS if block.document.name == "README.md" and "version: 1" in block.text)
