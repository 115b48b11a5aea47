"""Wrong YAMLs and their exact answers: evaluation and gate. A `!` marks a missing plugin's."""

from __future__ import annotations

import pytest

from tests.host.conftest import RUN, online

SETS = "sets: {harm: a.jsonl, valid: b.jsonl}"
EVALUATE = f"evaluate: {{{SETS}, measures: [{{use: share, on: [harm]}}, {{use: share, as: all}}]}}\n"


WRONG = {
    # --- evaluation and gate
    "measures without sets": (
        RUN + "evaluate: {measures: [share]}\n",
        ["run.yaml:4:12: evaluate.measures: there is nothing to measure on: give evaluate.sets"],
    ),
    "evaluation out of range": (
        RUN + "evaluate: {sets: {harm: a.jsonl}, measures: [{use: share, on: hram, off: 1}], samples: 0, smaples: 2}\n",
        [
            "run.yaml:4:63: evaluate.measures.0.on: no set of evaluate.sets is named 'hram'; did you mean 'harm'?",
            "run.yaml:4:69: evaluate.measures.0.off: unknown key",
            "run.yaml:4:88: evaluate.samples: must be greater than 0, not 0",
            "run.yaml:4:91: evaluate.smaples: unknown key; did you mean 'samples'?",
        ],
    ),
    "select by what is not measured": (
        online("[loud]", "    select: {metric: share.valid.rate}\n") + EVALUATE,
        ["run.yaml:5:22: stages.0.select.metric: 'share' is not measured on 'valid'; it is measured on: harm"],
    ),
    "select by several metrics": (
        online("[loud]", "    select: {metric: {share.harm.rate: 1, al.harm.rate: 2}, mode: max}\n") + EVALUATE,
        [
            "run.yaml:5:43: stages.0.select.metric.al.harm.rate: no measure of evaluate.measures is named 'al'; "
            "did you mean 'all'?",
            "run.yaml:5:61: stages.0.select.mode: is for a single metric; "
            "several are summed by their weights and maximised",
        ],
    ),
    "select by too short a path": (
        online("[loud]", "    select: {metric: share.harm}\n") + EVALUATE,
        [
            "run.yaml:5:22: stages.0.select.metric: must be MEASURE.SET.METRIC, as refusal.harmful.rate, "
            "not 'share.harm'"
        ],
    ),
    "a gate by the set that chose the model": (
        online("[loud]", "    select: {metric: all.harm.rate}\n") + EVALUATE + "gate: {share.harm.rate: {max: 1}}\n",
        [
            "run.yaml:8:8: gate.share.harm.rate: stages.0.select chooses the model by set 'harm', "
            "so that set proves nothing; name another"
        ],
    ),
    "gates that cannot be": (
        RUN
        + EVALUATE
        + "gate:\n  all.valid.rate: {}\n  shar.harm.rate: {max: x}\n  all.vaild.r: {mx: 1, min: 0}\n  x: {max: 1}\n"
        + "  all.valid.x: 3\n  all.valid.y:\n",
        [
            "run.yaml:6:19: gate.all.valid.rate: needs max or min",
            "run.yaml:7:3: gate.shar.harm.rate: no measure of evaluate.measures is named 'shar'; did you mean 'share'?",
            "run.yaml:7:25: gate.shar.harm.rate.max: must be a number, not 'x'",
            "run.yaml:8:3: gate.all.vaild.r: 'all' is not measured on 'vaild'; did you mean 'valid'?",
            "run.yaml:8:17: gate.all.vaild.r.mx: unknown key; did you mean 'max'?",
            "run.yaml:9:3: gate.x: must be MEASURE.SET.METRIC, as refusal.harmful.rate, not 'x'",
            "run.yaml:10:16: gate.all.valid.x: must be a mapping (key: value), not 3",
            "run.yaml:11:3: gate.all.valid.y: needs max or min",
        ],
    ),
    "a gate without an evaluation": (
        RUN + "gate: {share.harm.rate: {max: 1}}\n",
        ["run.yaml:4:8: gate.share.harm.rate: no measure of evaluate.measures is named 'share'; there is none"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_yaml_is_answered_with_these_lines(text, expected, answers):
    assert answers(text) == expected
