"""What the log of a run says of the machine's choices and of a stage's."""

import json
import re

import pytest
import torch
from dressage.run import devices


def report(folder):
    return json.loads((folder / "report.json").read_text())


@pytest.mark.parametrize(("flags", "chosen"), [({"avx512_bf16"}, "bfloat16"), (set(), "float32")])
def test_the_device_line_names_the_number_format_that_the_machine_chose(place, call, monkeypatch, flags, chosen):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(devices, "_cpu_flags", lambda: flags)
    answer = call("eval", "online.yaml", "--run-dir", "out", "--set", "model.dtype=auto")
    assert answer.code == 0, answer.err
    assert re.findall(r"^device .*, base weights in (\w+)$", answer.err, re.M) == [chosen]
    assert report(place / "out")["model"]["dtype"] == chosen


@pytest.mark.parametrize(("mode", "best_of"), [("max", max), ("min", min)])
def test_a_selecting_stage_prints_each_evaluation_and_hands_on_the_best(place, call, mode, best_of):
    select = f"stages.0.select={{every: 2, metric: length.held.words, mode: {mode}}}"
    answer = call("run", "online.yaml", "--run-dir", "out", "--set", "stages.0.iterations=5", "--set", select)
    assert answer.code == 0, answer.err
    told = re.findall(r"^  ppo @ (\d+): length\.held\.words ([\d.]+)(  \(best so far\))?$", answer.err, re.M)
    values = {step: float(value) for step, value, _ in told}
    assert list(values) == ["0", "2", "4", "5"]
    history = report(place / "out")["stages"][0]["selected"]["history"]
    assert list(values.values()) == pytest.approx([abs(value) for _, value in history], abs=5e-4)
    best = best_of(values, key=values.get)
    assert [step for step, _, praised in told if praised][-1] == best
    assert re.findall(r"^  ppo: handing on iteration (\d+)$", answer.err, re.M) == [best]
