"""What fine-tuning tells of the rows that it does not learn from, computed anew with transformers and peft."""

from __future__ import annotations

import json

import pytest
import torch
from dressage import Context, Example, Message
from dressage.run import offline
from dressage.spec.console import Quiet
from dressage_sft.optimizer import SFT
from dressage_sft.options import SFTOptions
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

ROWS = [{"prompt": f"question {i}?", "response": "so it is" + " and so on" * (i % 4) + f" {i}"} for i in range(30)]
TRAIN = """
stages: [{{use: sft, data: {rows}, epochs: 2, update: {{batch: 4, learning_rate: 0.01}}}}]
"""


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    """A run that fine-tunes on the rows above, and the tokens of those that it learnt from."""
    folder, learnt = tmp_path_factory.mktemp("held"), set()
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    microbatches = offline.microbatches

    def noted(batch, *rest):
        if torch.is_grad_enabled():
            learnt.update(item.sequences[0].ids for item in batch)
        return microbatches(batch, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offline, "microbatches", noted)
        return run(TRAIN.format(rows=folder / "rows.jsonl"), folder / "run"), learnt


@pytest.fixture(scope="module")
def held(trained, model_folder):
    """The rows that no step learnt from, each with its tokens and where its answer starts."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder("llama"))
    found = []
    for row in ROWS:
        turns = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["response"]}]
        asked = tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template(turns, tokenize=False).rstrip("\n")
        ids, start = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (whole, asked))
        if tuple(ids) not in trained[1]:
            found.append((ids, len(start)))
    return found


@pytest.fixture(scope="module")
def expected(trained, held, model_folder):
    """The means over all tokens of the held-out answers: loss, and the share that is likeliest to the saved model."""
    base = AutoModelForCausalLM.from_pretrained(model_folder("llama"))
    model = PeftModel.from_pretrained(base, trained[0].folder / "model").eval()
    losses, right = [], []
    for ids, start in held:
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, start - 1 : -1]
        answer = torch.tensor(ids[start:])
        losses += torch.nn.functional.cross_entropy(logits, answer, reduction="none").tolist()
        right += (logits.argmax(-1) == answer).tolist()
    return sum(losses) / len(losses), sum(right) / len(right)


def steps(trained):
    return [json.loads(line)["metrics"] for line in trained[0].metrics.splitlines()]


def test_a_tenth_of_the_rows_is_not_learnt_from(trained, held):
    assert (len(trained[1]), len(held)) == (27, 3)


def test_the_last_held_out_loss_is_that_of_the_model_that_is_saved(trained, expected):
    assert steps(trained)[-1]["held_out_loss"] == pytest.approx(expected[0], rel=1e-4)


def test_the_last_held_out_accuracy_is_the_share_of_tokens_that_the_saved_model_gets_right(trained, expected):
    assert 0 < expected[1] < 1
    assert steps(trained)[-1]["held_out_accuracy"] == pytest.approx(expected[1])


def test_held_out_rows_are_measured_at_the_end_of_each_epoch_alone(trained):
    told = [number for number, metrics in enumerate(steps(trained), start=1) if "held_out_loss" in metrics]
    assert told == [7, 14]


@pytest.mark.parametrize("size", [1, 3])
def test_held_out_numbers_are_means_over_tokens_however_the_rows_are_parted(make_network, size):
    network = make_network()
    task = offline.Task("sft", SFT(SFTOptions(), Context()), "default")
    rows = [Example(prompt=(Message("user", row["prompt"]),), response=row["response"]) for row in ROWS[:7]]
    items = offline.make_items(rows, task, network, Quiet())
    whole, parts = (offline.held_out_numbers(items, task, network, size=n) for n in (len(items), size))
    assert parts == pytest.approx(whole, rel=1e-5)
