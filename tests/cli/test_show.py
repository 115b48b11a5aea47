"""`report`, `check`, `plugins`, `init`: what they print."""

import json
from pathlib import Path

import pytest
from dressage.cli.summary import verdict
from dressage.testing import isolated_host


@pytest.fixture
def folder(report, tmp_path: Path) -> Path:
    made = tmp_path / "first"
    made.mkdir()
    (made / "report.json").write_text(json.dumps(report))
    return made


def test_report_shows_each_metric_before_and_after(call, folder) -> None:
    lines = call("report", folder).out.splitlines()
    assert lines[0].split() == ["measure", "before", "after", "change"]
    row = next(line for line in lines if line.startswith("toxicity"))
    assert "toxicity.harmful.rate (trained on)" in row
    assert "50.0% [40.0 to 60.0%]" in row
    assert "10.0% [5.0 to 20.0%]" in row
    assert row.endswith("better")


def test_change_is_judged_only_where_its_interval_excludes_0(call, folder) -> None:
    rows = call("report", folder).out.splitlines()
    words = {line.split()[0]: line.split()[-1] for line in rows if ".rate" in line and line[0] != " "}
    assert words["refusal.harmless.rate"] == "worse"
    assert words["refusal.harmful.rate"] not in ("better", "worse")


@pytest.mark.parametrize(
    ("low", "high", "better", "word"),
    [
        (0.1, 0.2, "higher", "better"),
        (0.1, 0.2, "lower", "worse"),
        (-0.2, -0.1, "lower", "better"),
        (-0.2, -0.1, "higher", "worse"),
        (-0.1, 0.1, "higher", ""),
        (0.0, 0.1, "higher", ""),
        (0.1, 0.2, "neither", ""),
        (None, None, "higher", ""),
    ],
)
def test_verdict_of_a_change(low, high, better, word) -> None:
    assert verdict({"change": {"low": low, "high": high}, "better": better}) == word


def test_report_shows_the_gate(call, folder) -> None:
    out = call("report", folder).out
    assert "gate: met\n" in out
    assert "toxicity.harmful.rate: 10.0% [5.0 to 20.0%], max 30.0%: met" in out


def test_report_as_json_is_the_file(call, folder, report) -> None:
    assert json.loads(call("report", folder, "--json").out) == report


def test_report_writes_the_page(call, folder) -> None:
    assert call("report", folder).code == 0
    assert (folder / "report.html").stat().st_size > 1000


def test_report_of_an_unfinished_run_says_so(call, tmp_path) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.yaml").write_text("seed: 0\n")
    answer = call("report", "half")
    assert answer.code == 2
    assert "has no report.json yet" in answer.err


def test_report_of_a_folder_that_holds_no_run_says_so(call, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    answer = call("report", "empty")
    assert answer.code == 2
    assert "empty: no config.yaml in it, so it is no run folder" in answer.err


def test_report_without_training_has_one_column(call, folder, report) -> None:
    for sets in report["evaluators"].values():
        for metrics in sets.values():
            metrics["rate"].pop("change")
    (folder / "report.json").write_text(json.dumps(report))
    assert call("report", folder).out.splitlines()[0].split() == ["measure", "value"]


def test_check_says_what_would_be_done(call, yaml) -> None:
    answer = call("check", yaml)
    assert answer.code == 0
    assert f"{yaml}: ok" in answer.out
    assert "measure:  size on plain" in answer.out


def test_check_as_json_has_the_defaults(call, yaml) -> None:
    assert json.loads(call("check", yaml, "--json", "--seed", 5).out)["seed"] == 5


def test_plugins_lists_components_commands_and_the_broken(call) -> None:
    out = call("plugins").out
    assert "reward     polite  acme 1.2  How polite a reply is." in out
    assert "command    greet" in out
    assert "broken: broken 0.0.0: " in out
    assert "it fell over" in out


def test_plugins_as_json(call) -> None:
    found = json.loads(call("plugins", "--json").out)
    assert {p["distribution"]: p["state"] for p in found["plugins"]} == {"acme": "loaded", "broken": "broken"}
    assert {c["name"] for c in found["components"]} == {"polite", "size"}
    assert {c["name"] for c in found["commands"]} == {"greet", "lost"}


@pytest.mark.parametrize("name", ["polite", "acme/polite", "reward/polite"])
def test_show_has_type_default_and_meaning(call, name) -> None:
    out = call("plugins", "show", name).out
    assert "polite: reward of acme 1.2" in out
    assert 'words: list of string, default ["please"]' in out
    assert "      What is looked for." in out
    assert "weight: number, required" in out


def test_show_as_json_has_the_schema(call) -> None:
    (found,) = json.loads(call("plugins", "show", "polite", "--json").out)
    assert found["options"]["required"] == ["weight"]


@pytest.mark.parametrize(("name", "said"), [("polit", "did you mean 'polite'"), ("zebra", "no component is named")])
def test_show_of_an_unknown_name_exits_2(call, name, said) -> None:
    answer = call("plugins", "show", name)
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("dressage-nope/x", 2, "error: no plugin is named 'dressage-nope'; see dressage plugins"),
        ("acmee/polite", 2, "error: no plugin is named 'acmee'; did you mean 'acme'?"),
        ("broken/x", 3, "error: 'broken/x' cannot be used: broken 0.0.0 is broken: RuntimeError: it fell over"),
        ("reward/broken/x", 3, "error: 'reward/broken/x' cannot be used: broken 0.0.0 is broken: RuntimeError: it"),
        ("optimizer/polite", 2, "error: 'polite' is a reward, not an optimizer"),
        ("acme/zebra", 2, "error: no component is named 'acme/zebra'; see dressage plugins"),
    ],
)
def test_show_says_why_a_component_cannot_be_used(call, name, code, said) -> None:
    answer = call("plugins", "show", name)
    assert (answer.code, answer.err.startswith(said)) == (code, True), answer.err


def test_show_of_one_that_was_blocked_says_so(call, monkeypatch) -> None:
    host = isolated_host("dressage_ppo", "dressage_rules", environ={"DRESSAGE_PLUGINS": "dressage-rules"})
    monkeypatch.setattr("dressage.host.discover", lambda *a, **k: host)
    answer = call("plugins", "show", "ppo")
    assert answer.code == 3
    assert "optimizer 'ppo' cannot be used: dressage-ppo 0.0.0 is blocked by DRESSAGE_PLUGINS" in answer.err


def test_show_takes_the_kind_off_before_the_distribution(call) -> None:
    assert "polite: reward of acme 1.2" in call("plugins", "show", "reward/acme/polite").out


def test_show_of_a_known_but_missing_one_exits_3(call) -> None:
    answer = call("plugins", "show", "ppo")
    assert answer.code == 3
    assert "pip install dressage-ppo" in answer.err


def test_init_writes_once(call, tmp_path) -> None:
    assert call("init").out.startswith("wrote quickstart.yaml\nnext: dressage run quickstart.yaml")
    assert call("init").code == 2
    assert call("init", "--force").code == 0
    assert call("init", "deep/er/mine.yaml").code == 0
    assert call("init", tmp_path).code == 2


def test_init_inside_of_a_file_is_a_wrong_argument(call, yaml) -> None:
    for path in (yaml / "x.yaml", yaml / "deep" / "x.yaml"):
        answer = call("init", path)
        assert (answer.code, answer.err) == (2, f"error: {path}: {yaml} is a file, not a folder; name another\n")
