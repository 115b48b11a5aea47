"""One run with everything in it: filters, fine-tuning, a fitted reward, PPO, selection, measures, gate, report."""

import hashlib
import json
import os
import re
from html import unescape
from importlib.metadata import version

import pytest


@pytest.fixture(scope="module")
def run(workplace, call, connections, tmp_path_factory):
    """The folder in which `dressage run` was called, and what it said."""
    place = workplace(tmp_path_factory.mktemp("whole") / "place")
    before = os.getcwd()
    os.chdir(place)
    try:
        answer = call("run", "run.yaml", "--run-dir", "out")
    finally:
        os.chdir(before)
    return place, answer


@pytest.fixture(scope="module")
def report(run):
    return json.loads((run[0] / "out" / "report.json").read_text())


@pytest.fixture(scope="module")
def page(run):
    return (run[0] / "out" / "report.html").read_text()


def words(html):
    """The text that a piece of a page shows."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_ends_well(run):
    assert run[1].code == 0, run[1].err


def test_touches_no_network(run, connections):
    assert connections == []


def test_says_first_what_it_runs_on(run):
    heads = [line.split()[0] for line in run[1].err.splitlines()[1:7]]
    assert heads == ["memory", "device", "model", "adapter", "plugins", "folder"]


def test_the_device_line_names_the_number_format(run):
    assert re.search(r"^device +cpu, 1 threads, base weights in float32$", run[1].err, re.M)


def test_the_log_says_which_shape_the_rows_of_each_data_set_have(run):
    told = re.findall(r"^data +(\w+): (\d+ rows, .+)$", run[1].err, re.M)
    assert dict(told) == {
        "demonstrations": "15 rows, demonstration (prompt, response)",
        "comparisons": "20 rows, comparison (prompt, chosen, rejected)",
        "prompts": "8 rows, text (text)",
    }


def test_ends_with_table_report_and_next_command(run):
    out = run[1].out.splitlines()
    assert any(line.startswith("length.held.words ") for line in out)
    assert "report: out/report.html" in out
    assert out[-1] == "next:   dressage eval out --set evaluate.samples=8"


def test_results_go_to_stdout_and_the_log_to_stderr(run):
    assert "ppo 3/3" in run[1].err
    assert "ppo 3/3" not in run[1].out


def test_folder_holds_every_part_of_the_record(run):
    found = {path.name for path in (run[0] / "out").iterdir()}
    assert found >= {
        "config.yaml", "environment.json", "metrics.jsonl", "timings.jsonl", "samples.jsonl", "report.json",
        "report.html", "model",
    }  # fmt: skip


def test_each_filter_finds_its_fault(report):
    found = {f["use"]: (f["rows_in"], f["rows_out"], f["changed"]) for f in report["filters"]}
    assert found == {"exact-duplicates": (15, 14, 0), "pii": (14, 14, 1), "by-score": (14, 13, 0)}


def test_both_stages_are_reported(report):
    assert [(stage["name"], stage["online"]) for stage in report["stages"]] == [("sft", False), ("ppo", True)]


def test_fitted_reward_states_its_accuracy_on_pairs_it_has_not_seen(report):
    rewards = {reward["name"]: reward for reward in report["stages"][1]["rewards"]}
    assert set(rewards) == {"reward-model", "profanity", "pattern", "length"}
    fit = rewards["reward-model"]["fit"]
    assert fit["pairs"] == 20
    assert 0 < fit["accuracy"]["n"] < 20


def test_each_iteration_logs_each_reward(run):
    steps = [row for row in lines(run[0] / "out" / "metrics.jsonl") if row["stage"] == "ppo"]
    assert [row["step"] for row in steps] == [1, 2, 3]
    for name in ("reward-model", "profanity", "pattern", "length"):
        assert all(f"reward.{name}.raw" in row["metrics"] for row in steps)


def test_selected_iteration_is_the_best_of_its_history(report):
    selected = report["stages"][1]["selected"]
    assert selected["value"] == max(value for _, value in selected["history"])


def test_measures_stand_before_between_and_after(report):
    found = report["evaluators"]["length"]["held"]["words"]
    assert found["stages"].keys() == {"sft", "ppo"}
    assert found["before"]["n"] == found["after"]["n"] == 12


def test_samples_are_paired(run):
    rows = lines(run[0] / "out" / "samples.jsonl")
    assert len(rows) == 6 + 4
    assert all(len(row["before"]) == len(row["after"]) == 2 for row in rows)


def test_detector_that_was_trained_on_is_marked(report):
    marks = {measure["name"]: measure["mark"] for measure in report["measures"]}
    assert marks["toxicity"] == "trained on"
    assert marks["length"] == ""


def test_gate_is_met(report):
    assert report["gate"]["verdict"] == "met"


def test_report_names_no_folder_of_the_machine(run, page):
    assert str(run[0].parent) not in page


def test_report_fetches_nothing(page):
    for loading in ('src="http', "@import", '<link rel="stylesheet"', "url(http"):
        assert loading not in page


def test_page_names_each_plugin_with_its_version(page):
    shown = page.partition("<h3>Plugins</h3>")[2].partition("</ul>")[0]
    used = ("evals", "filters", "ppo", "reward-model", "rules", "sft", "toxicity")
    assert words(shown) == " ".join(f"dressage-{name} {version(f'dressage-{name}')}" for name in used)


def test_page_has_the_sha256_of_each_data_file_and_of_the_model(run, page):
    names = ("held", "validation", "demonstrations", "comparisons", "prompts")
    shown = dict(re.findall(r'<span class="file">(\S+) <code[^>]* title="SHA-256 (\w+)"', page))
    assert shown == {f"{name}.jsonl": sha256(run[0] / f"{name}.jsonl") for name in names}
    model = re.findall(r'<dt>SHA-256</dt><dd><code[^>]* title="SHA-256 (\w+)"', page)
    assert model == [sha256(run[0] / "model" / "model.safetensors")]


def test_page_shows_what_each_filter_did_with_an_example(page):
    shown = re.findall('<article class="filter">(.*?)</article>', page, re.S)
    assert [words(re.sub("<button.*?</button>", "", one)) for one in shown] == [
        "exact-duplicates on demonstrations 15 rows in, 14 out; dropped 1 exact duplicate Examples (1)"
        " demonstrations.jsonl:13 exact duplicate before What is 0 and 0? It is 0. after",
        "pii on demonstrations 14 rows in, 14 out; changed 1 Examples (1) demonstrations.jsonl:15 changed"
        " before Where? Write to jane.doe@example.com. after Where? Write to [EMAIL].",
        "by-score on demonstrations 14 rows in, 13 out; dropped 1 profanity above 0.5 Examples (1)"
        " demonstrations.jsonl:14 profanity above 0.5 before Who? You are a fucking idiot. after",
    ]


CURVES = {"entropy": "Entropy", "kl": "KL to the reference", "response_length": "Reply length"} | {
    f"reward.{name}.raw": f"Reward {name}" for name in ("reward-model", "profanity", "pattern", "length")
}


@pytest.mark.parametrize(("metric", "title"), CURVES.items())
def test_page_draws_what_each_iteration_logged(run, page, metric, title):
    logged = [row["metrics"] for row in lines(run[0] / "out" / "metrics.jsonl") if row["stage"] == "ppo"]
    (drawn,) = re.findall(rf'<span>{title}</span>.*?<path d="M([^"]+)" class="path"/>', page, re.S)
    heights = [-float(point.split()[1]) for point in drawn.split("L")]  # y points down
    values = [metrics[metric] for metrics in logged]
    assert len(heights) == len(values) == 3
    low, high = min(values), max(values)
    shares = [(height - min(heights)) / (max(heights) - min(heights)) for height in heights]
    assert shares == pytest.approx([(value - low) / (high - low) for value in values], abs=0.01)


def test_plain_peft_loads_the_adapter(run, report):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(run[0] / "model")
    ids = torch.tensor([[40, 50, 60, 70]])
    with torch.no_grad():
        before = base(ids).logits
        after = PeftModel.from_pretrained(base, run[0] / "out" / "model")(ids).logits
    assert not torch.equal(before, after)


def test_same_seed_gives_the_same_run(run, call, monkeypatch):
    monkeypatch.chdir(run[0])
    assert call("run", "run.yaml", "--run-dir", "again").code == 0
    for name in ("metrics.jsonl", "samples.jsonl", "model/adapter_model.safetensors"):
        assert (run[0] / "out" / name).read_bytes() == (run[0] / "again" / name).read_bytes(), name


def test_another_seed_gives_another_run(run, call, monkeypatch):
    monkeypatch.chdir(run[0])
    assert call("run", "run.yaml", "--run-dir", "other", "--seed", 1).code == 0
    assert (run[0] / "out" / "samples.jsonl").read_bytes() != (run[0] / "other" / "samples.jsonl").read_bytes()


def test_run_is_measured_again(run, call, monkeypatch):
    monkeypatch.chdir(run[0])
    answer = call("eval", "out", "--run-dir", "measured")
    assert answer.code == 0, answer.err
    assert "length.held.words" in answer.out


def test_report_is_written_anew(run, call, monkeypatch):
    monkeypatch.chdir(run[0])
    page = run[0] / "out" / "report.html"
    before = page.read_text()
    page.unlink()
    assert call("report", "out").code == 0
    assert page.read_text() == before


def test_a_stage_learns_from_what_the_filters_left(report):
    last = report["filters"][-1]
    assert last["rows_out"] < report["filters"][0]["rows_in"]
    assert next(stage for stage in report["stages"] if stage["name"] == "sft")["rows"] == last["rows_out"]
