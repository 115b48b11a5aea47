"""The comparison with TRL: its arithmetic, and that both sides get the same work. TRL is not installed here."""

from __future__ import annotations

import json

import pytest

from benchmarks import peers, work, works

ABOUT = {"dtype": "float32", "gflops": {"float32": 8.0, "bfloat16": 100.0}, "cpu": "a cpu", "threads": 1}


def turn(seconds, peak):
    phases = {"sampling": seconds / 2, "scoring": seconds / 4, "update": seconds / 4}
    return {"seconds": phases, "total": seconds, "operations": dict.fromkeys(phases, 4e9), "peak_bytes": peak}


@pytest.fixture
def found():
    ours = [turn(4, 10), turn(2, 30), turn(9, 20)]
    theirs = [{"total": t, "peak_bytes": 100} for t in (12, 13, 99)]
    slower = [{"total": t, "peak_bytes": 50} for t in (20, 20, 20)]
    return peers.summary({"engine": ours, "float32": slower, "bfloat16": theirs}, ABOUT, "float32")


def test_a_ratio_is_one_of_medians_and_memory_is_the_highest(found):
    assert (found["precision"], found["tried"]) == ("bfloat16", {"float32": 20, "bfloat16": 13})
    assert (found["seconds"], found["ratio"]) == ({"engine": 4, "peer": 13}, 3.25)
    assert (found["peak_bytes"], found["memory_share"]) == ({"engine": 30, "peer": 100}, 0.3)
    assert found["share_of_peak"] == {"sampling": 0.25, "scoring": 0.5, "update": 0.5}


def test_the_page_says_what_was_reached(found):
    about = {"trl": "1.12.0", "transformers": "5", "torch": "2"}
    many = {"P1-small": {**found, "peer": about}, "P1-medium": {**found, "peer": about}}
    text = peers.markdown({"machine": ABOUT, "repeats": 3, "works": many})
    small, medium = (line for line in text.splitlines() if line.startswith("| P1") and "M)" in line)
    assert "| **3.2** | 3, met |" in small
    assert "| **3.2** | 4, **not met** |" in medium
    assert medium.endswith("| 30% | at most 45%, met |")
    assert "trl 1.12.0" in text


def test_more_epochs_are_more_operations_of_the_update_alone():
    shape, tokens = work.Shape(layer=10, depth=5, head=100), work.Tokens(prompt=40, new=20)
    one, four = (work.engine(shape, tokens, 5, epochs=epochs) for epochs in (1, 4))
    assert four == {**one, "update": 4 * one["update"]}


def test_a_reward_model_is_a_pass_more_of_the_scoring():
    shape, tokens = work.Shape(layer=10, depth=5, head=100), work.Tokens(prompt=40, new=20)
    none, one = (work.engine(shape, tokens, 5, judges=judges) for judges in (0, 1))
    assert one == {**none, "scoring": none["scoring"] + 60 * 5 * 2 * 10}


SMALL = works.Work("tiny", "tiny", 5, 1.0, shape=(64, 16, 2, 2, 32))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("peers")
    works.write_model(folder / "model", SMALL.shape)
    run = works.engine_run(SMALL, folder, 2)
    return {
        "side": "engine", "run": run, "stops": False, "layers": None, "microbatch": works.MICROBATCH,
        "prompts": works.BATCH, "iterations": 2,
    }  # fmt: skip


def test_the_engine_does_all_of_the_work(settings):
    from benchmarks.side import serve

    about, *turns = json.loads(json.dumps(list(serve(settings, iter(["go\n"])))))
    assert about["layers"] == 2
    assert (turns[0]["prompt_tokens"], turns[0]["new_tokens"]) == (64 * 32, 64 * 5)  # no reply ends early
    assert turns[0]["steps"] == 16


def test_the_peer_is_given_the_same_prompts(settings, tmp_path):
    from benchmarks.side import Side, asked, take

    found = asked(settings)
    side = Side(settings)
    first = [side.ids[i] for i in take(side.plan, len(side.ids), 1)]
    given = peers.peer_settings(SMALL, "float32", found["place"], found["prompts"], tmp_path, 2)
    assert sorted(given["prompts"]) == sorted(works.random_prompts(64, 128))
    assert given["prompts"][:64] == [list(p) for p in first]
    assert given["model"] == settings["run"]["model"]["base"]
    update = settings["run"]["stages"][0]["update"]
    assert {key: given[key] for key in ("epochs", "minibatches")} == {
        key: update[key] for key in ("epochs", "minibatches")
    }
    assert (given["stops"], given["turn"]) == (False, None)


def test_the_plot_has_a_pair_of_bars_a_work_on_one_scale():
    from xml.etree import ElementTree

    from benchmarks.bars import bars

    root = ElementTree.fromstring(bars([("P1", 2.0, 8.0), ("P2", 5.0, 5.0)], names=("ours", "theirs")))
    drawn = [float(one.attrib["width"]) for one in root.iter("{http://www.w3.org/2000/svg}rect")][3:]
    assert drawn[1] == pytest.approx(4 * drawn[0])
    assert drawn[2] == drawn[3] == drawn[1]
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "8.0 s, 4.0 times" in texts
