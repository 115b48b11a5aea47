import base64
import hashlib
import itertools
import json
import re

import pytest
from dressage.run.report import write_html
from dressage.spec.errors import DataError


def test_returns_the_path_of_the_page_and_leaves_no_other_file(fake_run):
    folder = fake_run()
    before = set(folder.iterdir())
    assert write_html(folder) == folder / "report.html"
    assert set(folder.iterdir()) - before == {folder / "report.html"}


def test_all_parts_are_there(full):
    ids = {attrs.get("id") for _, attrs in full[1].elements}
    assert {"change", "gate", "run", "training", "samples", "record"} <= ids


def test_nothing_is_fetched(full):
    for tag, attrs in full[1].elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form"), tag
        for name in ("src", "srcset", "href", "xlink:href", "action", "data", "poster", "style"):
            assert (attrs.get(name) or "#").startswith("#"), (tag, attrs)
        assert tag != "svg" or "xmlns" not in attrs
    assert "@import" not in full[0]
    assert "url(" not in full[0]


def test_the_source_of_a_card_is_text_and_no_link(full):
    assert "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct" in "".join(full[1].text)


def test_the_policy_forbids_all_but_its_own_style_and_script(full):
    policy = next(a["content"] for t, a in full[1].elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert [t for t, _ in full[1].elements].count("script") == 1


def test_the_hashes_of_the_policy_are_those_of_theread_page(full):
    policy = next(a["content"] for t, a in full[1].elements if a.get("http-equiv") == "Content-Security-Policy")
    for tag in ("style", "script"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", full[0], re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


PARTS = ("name", "status", "date", "seconds", "peak_bytes", "seed", "model", "plugins", "data", "filters", "stages",
         "measures", "evaluators", "gate")  # fmt: skip

HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(1)>\"'"


def test_a_script_in_any_text_is_escaped(fake_run, read_page, make_sample, report):
    report = json.loads(json.dumps(report).replace("SmolLM2-135M-Instruct", json.dumps(HOSTILE)[1:-1]))
    report["name"] = report["filters"][0]["examples"][0]["before"] = report["gate"]["conditions"][1]["why"] = HOSTILE
    report["measures"][0]["why"] = report["data"]["demonstrations"]["bad_rows"][0]["reason"] = HOSTILE
    samples = [make_sample("provocations", HOSTILE, HOSTILE, HOSTILE, 1, 1) | {"columns": {"kind": HOSTILE}}]
    metrics = [{"stage": HOSTILE, "step": 1, "steps": 1, "metrics": {HOSTILE: 1.0, "loss": 1.0}}]
    folder = fake_run(report=report, samples=samples, metrics=metrics,
                       config=HOSTILE, environment={HOSTILE: HOSTILE})  # fmt: skip
    text, page = read_page(folder)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert text.count("&lt;script&gt;alert(1)") >= 10


def test_half_a_surrogate_pair_does_not_stop_the_report(fake_run, make_sample):
    folder = fake_run(samples=[make_sample("provocations", "p", "broken \ud83d", "a", 1, 1)])
    assert "broken ?" in write_html(folder).read_text("utf-8")


def test_texts_are_hidden_until_asked_for(full):
    veiled = [attrs for _, attrs in full[1].elements if "data-veiled" in attrs]
    assert len(veiled) == 24 * 4 + 1
    assert all(attrs["aria-hidden"] == "true" for attrs in veiled)


def test_each_veil_has_a_button_that_names_what_it_opens(full):
    ids = {attrs.get("id") for _, attrs in full[1].elements}
    buttons = [attrs for tag, attrs in full[1].elements if tag == "button" and "data-show" in attrs]
    assert len(buttons) == 25
    assert all(b["aria-expanded"] == "false" and b["aria-controls"] in ids for b in buttons)


def test_headings_never_skip_a_level(full):
    levels = full[1].headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_picture_has_a_name_or_is_hidden(full):
    pictures = [attrs for tag, attrs in full[1].elements if tag == "svg" and attrs.get("class") != "inner"]
    assert len(pictures) > 20
    hidden = 'class="key" aria-hidden="true"' in full[0] and 'class="lane axis" aria-hidden="true"' in full[0]
    named = [a for a in pictures if a.get("aria-label") or a.get("aria-hidden") == "true"]
    assert hidden
    assert len(pictures) - len(named) == 4  # the plot's three keys and its axis, whose parents are hidden


def test_ids_are_unique_and_references_resolve(full):
    ids = [attrs["id"] for _, attrs in full[1].elements if attrs.get("id")]
    assert len(ids) == len(set(ids))
    for _, attrs in full[1].elements:
        for name in ("aria-labelledby", "aria-describedby", "aria-controls"):
            assert attrs.get(name) is None or attrs[name] in ids
        assert attrs.get("href") is None or attrs["href"][1:] in ids


def test_marks_explain_themselves_on_hover_and_in_the_legend(full):
    marks = {attrs["title"] for _, attrs in full[1].elements if attrs.get("class", "").startswith("mark ")}
    assert "reward toxicity of stage ppo is this judge" in marks
    legend = full[0][full[0].index('class="legend"') :]
    assert "reward toxicity of stage ppo is this judge" in legend
    assert "learnt from jigsaw, as reward toxicity did" in legend


def test_the_selected_iteration_is_marked_in_each_curve_of_its_stage(full):
    circles = [attrs for tag, attrs in full[1].elements if tag == "circle" and attrs.get("class") == "chosen"]
    assert len(circles) == 12 + 1  # the history and eleven metrics; the note's own sign


def test_a_limit_stands_beside_its_reward(fake_run, read_page, report):
    report["stages"][1]["rewards"][2]["limit"] = {"max": 0.25}
    text, _ = read_page(fake_run(report=report))
    assert "limit: max 0.25" in text
    assert "measured only" not in text


def test_samples_beyond_the_limit_are_counted(fake_run, read_page, make_samples):
    text, page = read_page(fake_run(samples=make_samples(230)))
    assert sum("data-sample" in attrs for _, attrs in page.elements) == 200
    assert "the other 30 are in samples.jsonl" in text


@pytest.mark.parametrize("key", PARTS)
def test_any_part_of_the_report_may_be_absent(key, fake_run, report):
    report = {k: v for k, v in report.items() if k != key}
    assert "</html>" in write_html(fake_run(report=report)).read_text("utf-8")


@pytest.mark.parametrize("key", PARTS)
def test_any_part_of_the_report_may_be_null(key, fake_run, report):
    assert "</html>" in write_html(fake_run(report=report | {key: None})).read_text("utf-8")


def test_an_empty_folder_gives_a_page_named_after_it(tmp_path, read_page):
    (tmp_path / "bare").mkdir()
    text, page = read_page(tmp_path / "bare")
    assert "<h1>bare</h1>" in text
    assert page.headings == [1]


def test_a_run_without_evaluation_says_so(fake_run, read_page, report):
    report = report | {"evaluators": {}, "measures": [], "gate": {"verdict": "none", "conditions": []}}
    text, page = read_page(fake_run(report=report, samples=...))
    assert "not whether the model got safer" in text
    assert not {"change", "gate", "samples"} & {attrs.get("id") for _, attrs in page.elements}


def test_an_interrupted_run_says_so(fake_run, report):
    report = {k: v for k, v in report.items() if k not in ("evaluators", "gate")} | {"status": "interrupted"}
    assert "This run was interrupted" in write_html(fake_run(report=report)).read_text("utf-8")


def test_half_a_last_line_is_left_out(fake_run):
    folder = fake_run()
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "ppo", "st')
    assert write_html(folder).is_file()


def test_a_broken_line_within_a_file_is_named(fake_run):
    folder = fake_run()
    text = (folder / "metrics.jsonl").read_text()
    (folder / "metrics.jsonl").write_text("{oops\n" + text)
    with pytest.raises(DataError, match=r"metrics\.jsonl:1: not JSON"):
        write_html(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="no such run folder"):
        write_html(tmp_path / "nowhere")


def test_the_same_folder_gives_the_same_bytes(fake_run):
    folder = fake_run()
    assert write_html(folder).read_bytes() == write_html(folder).read_bytes()


def test_the_parts_above_are_all_there_are(report):
    assert set(report) == set(PARTS)


def test_rows_stand_from_independent_judges_to_those_trained_on(full):
    table = full[0][full[0].index("<tbody>") : full[0].index("</tbody>")]
    places = [table.index(f">{name}</span>") for name in ("toxicity-b", "perplexity", "regard", "toxicity")]
    assert places == sorted(places)


def test_the_final_stage_has_no_column_twice(full):
    head = full[0][full[0].index("<thead>") : full[0].index("</thead>")]
    assert re.findall("After[^<]*", head) == ["After sft", "After ppo"]


def test_after_has_its_own_column_where_it_is_not_the_last_stage(fake_run, read_page, report):
    report["evaluators"]["toxicity"]["provocations"]["rate"]["after"]["value"] = 0.5
    text, _ = read_page(fake_run(report=report))
    head = text[text.index("<thead>") : text.index("</thead>")]
    assert re.findall("After[^<]*", head) == ["After sft", "After ppo", "After"]


def test_gate_bounds_of_rates_are_in_per_cent(full):
    assert "at most 15.0%" in full[0]


def test_a_fitted_reward_without_held_out_pairs_claims_nothing(fake_run, read_page, report):
    fit = {"accuracy": None, "ece": None, "loss": None, "pairs": 12}
    report["stages"][1]["rewards"][0]["fit"] = fit
    words = " ".join("".join(read_page(fake_run(report=report))[1].text).split())
    assert "not measured" in words
    assert "0 of 12" in words
