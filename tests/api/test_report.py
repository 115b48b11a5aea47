"""What a report says, and replies of the model behind it."""

from __future__ import annotations

import dataclasses
import shutil

import pytest
from dressage import DataError, Message, ModelError, Prompt, UsageError
from dressage.api import Estimate, Report, Run, open_model, sample

TEXT = "What is number 1?"


def made(**metric):
    """A report of one metric, `refusal.harmful.rate`."""
    number = {"value": 0.1, "low": None, "high": 0.3, "n": 8}
    whole = {"before": number, "stages": {}, "better": "higher", "rate": True} | metric
    return Report(None, {"evaluators": {"refusal": {"harmful": {"rate": whole}}}})


def number(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 8}


def test_a_metric_is_found_by_its_path() -> None:
    found = made(after=number(0.9), stages={"sft": number(0.8)}, change=number(0.7)).metric("refusal.harmful.rate")
    assert found.after.value == 0.9
    assert found.before == Estimate(0.1, None, 0.3, 8)
    assert found.stages["sft"].value == 0.8
    assert found.change.value == 0.7


def test_a_run_that_trained_nothing_has_no_change() -> None:
    found = made().metric("refusal.harmful.rate")
    assert found.after == found.before
    assert found.change is None


def test_a_metric_that_was_not_measured_is_refused_with_those_that_were() -> None:
    with pytest.raises(UsageError, match=r"'refusal.harmful' was not measured; it has: refusal.harmful.rate"):
        made().metric("refusal.harmful")


def test_a_report_is_read_only(report) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.folder = None


def test_a_run_measured_before_and_after(report) -> None:
    found = report.metric("size.few.mean")
    assert found.before.n == found.after.n == 2
    assert set(found.stages) == {"ppo"}


def test_each_prompt_gets_its_replies(report, host) -> None:
    replies = report.sample([TEXT, "And number 2?"], n=3, max_new_tokens=4, discovery=host)
    assert [len(r) for r in replies] == [3, 3]
    assert len(set(replies[0])) > 1


def test_replies_stand_with_their_own_prompt(report, host) -> None:
    first, second = report.sample([TEXT, "And 2?"], n=2, temperature=0, max_new_tokens=8, discovery=host)
    assert first[0] == first[1] != second[0] == second[1]


def test_the_same_seed_gives_the_same_replies(report, host) -> None:
    first, again, other = (report.sample([TEXT], n=2, seed=s, max_new_tokens=6, discovery=host) for s in (1, 1, 2))
    assert first == again != other


def test_a_text_is_what_a_user_says(report, host) -> None:
    settings = {"temperature": 0, "max_new_tokens": 6, "discovery": host}
    chat, plain = Prompt((Message("user", TEXT),)), Prompt(text=TEXT)
    first, second, third = (report.sample([prompt], **settings) for prompt in (TEXT, chat, plain))
    assert first == second != third


def test_replies_come_from_the_trained_adapter(report, host) -> None:
    network = open_model(report.folder, discovery=host)
    learnt = network.adapters.state("default")
    assert any(weight.any() for path, weight in learnt.items() if path.endswith("lora_B"))


def test_a_prompt_that_is_too_long_is_refused(report, host) -> None:
    with pytest.raises(DataError, match="are too long"):
        sample(report.folder, ["word " * 3000], discovery=host)


def test_a_run_without_a_model_is_refused(report, host, tmp_path) -> None:
    for name in ("config.yaml", "environment.json"):
        shutil.copy(report.folder / name, tmp_path / name)
    with pytest.raises(ModelError, match="no adapter here"):
        sample(tmp_path, [TEXT], discovery=host)


def test_a_folder_that_is_no_run_is_refused(tmp_path, host) -> None:
    with pytest.raises(DataError, match=r"environment\.json: no such file"):
        sample(tmp_path, [TEXT], discovery=host)


@pytest.fixture
def copied(report, tmp_path):
    """A copy of the run folder, to change."""
    return shutil.copytree(report.folder, tmp_path / "copy")


def test_a_model_may_be_named_with_its_distribution(report, copied, host) -> None:
    config = copied / "config.yaml"
    config.write_text(config.read_text().replace("base: tiny", "base: acme/tiny"))
    settings = {"temperature": 0, "max_new_tokens": 4, "discovery": host}
    assert sample(copied, [TEXT], **settings) == sample(report.folder, [TEXT], **settings)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("environment.json", "{", r"environment\.json: not JSON \(.*\); was it edited\?"),
        ("environment.json", "[]", r"environment\.json: must hold one JSON object, not list"),
        ("environment.json", "{}", r"environment\.json: does not say which folder"),
        ("config.yaml", "model: [", r"config\.yaml: does not say which model"),
        ("config.yaml", "seed: 1", r"config\.yaml: does not say which model"),
    ],
)
def test_a_file_of_the_run_that_was_damaged_is_named(copied, host, file, text, said) -> None:
    (copied / file).write_text(text)
    with pytest.raises(DataError, match=said):
        open_model(copied, discovery=host)


def test_a_report_that_was_damaged_is_named(copied) -> None:
    (copied / "report.json").write_text("{")
    with pytest.raises(DataError, match=r"report\.json: not JSON"):
        Run.load(copied)
