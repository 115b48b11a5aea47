"""Wrong YAMLs and their exact answers: what every component has. A `!` marks a missing plugin's."""

from __future__ import annotations

import pytest

from tests.host.conftest import COPY, DATA, MODEL, RUN, online

WRONG = {
    # --- components
    "a list that is none": (
        MODEL + DATA + "stages: copy\n",
        ["run.yaml:3:9: stages: must be a list of components, not 'copy'"],
    ),
    "a component that is none": (
        MODEL + DATA + "stages: [3]\n",
        ["run.yaml:3:10: stages.0: must be a name or a mapping with use, not 3"],
    ),
    "a component without use": (
        MODEL + DATA + "stages: [{epochs: 1}, {usee: copy}, {use: 3}]\n",
        [
            "run.yaml:3:10: stages.0.use: is required: the name of an optimizer",
            "run.yaml:3:24: stages.1.usee: unknown key; did you mean 'use'?",
            "run.yaml:3:43: stages.2.use: must be the name of an optimizer, not 3",
        ],
    ),
    "a misspelt component": (
        MODEL + DATA + "stages: [{use: copi}]\n",
        ["run.yaml:3:16: stages.0.use: no optimizer is named 'copi'; did you mean 'copy'?"],
    ),
    "a component of another kind": (
        MODEL + DATA + "stages: [loud]\n",
        ["run.yaml:3:10: stages.0: 'loud' is a reward, not an optimizer"],
    ),
    "a component of ours that is not installed": (
        MODEL + DATA + "stages: [ppo]\n",
        ["!run.yaml:3:10: stages.0: optimizer 'ppo' is not installed; pip install dressage-ppo"],
    ),
    "a misspelt component of ours that is not installed": (
        MODEL + DATA + "filters: [mojibak]\nstages: [copy]\n",
        [
            "run.yaml:3:11: filters.0: no filter is named 'mojibak'; "
            "did you mean 'mojibake' (pip install dressage-filters)?"
        ],
    ),
    "a component that nobody knows": (
        MODEL + DATA + "stages: [frobnicate]\n",
        [
            "!run.yaml:3:10: stages.0: no optimizer is named 'frobnicate'; installed: climb, copy; "
            "install the plugin that has it"
        ],
    ),
    "a component by its distribution": (
        MODEL + DATA + "stages: [acme/cpoy, acne/copy, other/thing]\n",
        [
            "run.yaml:3:10: stages.0: acme 1.2 has no optimizer 'cpoy'; did you mean 'acme/copy'?",
            "run.yaml:3:21: stages.1: no plugin 'acne' is installed; did you mean 'acme/copy'?",
            "!run.yaml:3:32: stages.2: optimizer 'thing' is not installed; pip install other",
        ],
    ),
    "names that are taken": (
        MODEL + DATA + "stages: [copy, copy, {use: copy, as: copy}, {use: copy, as: a.b}]\n",
        [
            "run.yaml:3:16: stages.1: the name 'copy' is taken by stages.0; give this one another with as",
            "run.yaml:3:38: stages.2.as: the name 'copy' is taken by stages.0; give this one another with as",
            "run.yaml:3:61: stages.3.as: must be a name of letters, digits, - and _, not 'a.b'",
        ],
    ),
    "an option outside of with": (
        online("[{use: loud, level: 2}]"),
        ["run.yaml:5:27: stages.0.rewards.0.level: unknown key; it is an option of 'loud': write it under with"],
    ),
    "a host key inside of with": (
        online("[{use: loud, with: {weight: 2}}]"),
        ["run.yaml:5:34: stages.0.rewards.0.with.weight: unknown key; it belongs beside with, not inside it"],
    ),
    "a key of a section outside of it": (
        online("[loud]", "    learning_rate: 1\n"),
        ["run.yaml:5:5: stages.0.learning_rate: unknown key; did you mean 'update.learning_rate'?"],
    ),
    "options out of range": (
        online("[{use: loud, with: {level: 0, mode: sfot, words: [A], wrods: []}}]"),
        [
            "run.yaml:5:41: stages.0.rewards.0.with.level: must be greater than 0, not 0",
            "run.yaml:5:50: stages.0.rewards.0.with.mode: must be 'soft' or 'hard', not 'sfot'; did you mean 'soft'?",
            "run.yaml:5:63: stages.0.rewards.0.with.words: words must be in lower case",
            "run.yaml:5:68: stages.0.rewards.0.with.wrods: unknown key; did you mean 'words'?",
        ],
    ),
    "options that are no mapping": (
        online("[{use: loud, with: 3}]"),
        ["run.yaml:5:33: stages.0.rewards.0.with: must be a mapping (key: value), not 3"],
    ),
    # --- components inside options
    "an option that is required": (
        MODEL + DATA + "filters: [by-score]\n" + COPY,
        ["run.yaml:3:11: filters.0.with.source: is required"],
    ),
    "a misspelt component inside": (
        MODEL + DATA + "filters: [{use: by-score, with: {source: {use: lodu}}}]\n" + COPY,
        ["run.yaml:3:48: filters.0.with.source.use: no reward is named 'lodu'; did you mean 'loud'?"],
    ),
    "options of a component inside, beside a wrong one outside": (
        MODEL + DATA + "filters: [{use: by-score, with: {source: {use: loud, with: {level: -1}}, above: x}}]\n" + COPY,
        [
            "run.yaml:3:68: filters.0.with.source.with.level: must be greater than 0, not -1",
            "run.yaml:3:81: filters.0.with.above: must be a number, not 'x'",
        ],
    ),
    "a fitted reward inside": (
        MODEL + DATA + "filters: [{use: by-score, with: {source: learnt}}]\n" + COPY,
        [
            "run.yaml:3:42: filters.0.with.source: 'learnt' is fitted during the run, so 'by-score' cannot use it; "
            "name another"
        ],
    ),
    "a component inside that is none": (
        MODEL + DATA + "filters: [{use: by-score, with: {source: 3}}]\n" + COPY,
        ["run.yaml:3:42: filters.0.with.source: must be the name of a component or a mapping with use, not 3"],
    ),
    "a component inside without use": (
        MODEL + DATA + "filters: [{use: by-score, with: {source: {usee: loud}}}]\n" + COPY,
        [
            "run.yaml:3:42: filters.0.with.source.use: is required",
            "run.yaml:3:43: filters.0.with.source.usee: unknown key; did you mean 'use'?",
        ],
    ),
    "components deep inside, in lists, mappings and models": (
        online(
            "[{use: mix, with: {parts: [{source: {use: mix, with: {named: {x: {use: loud, with: {level: 0}}}}}}, "
            "{share: 1}], named: {y: toxicity}}}]"
        ),
        [
            "run.yaml:5:105: stages.0.rewards.0.with.parts.0.source.with.named.x.with.level: "
            "must be greater than 0, not 0",
            "run.yaml:5:114: stages.0.rewards.0.with.parts.1.source: is required",
            "!run.yaml:5:138: stages.0.rewards.0.with.named.y: reward 'toxicity' is not installed; "
            "pip install dressage-toxicity",
        ],
    ),
    # --- observers
    "observers": (
        RUN + "observers: [wtach, {use: watch, on: x}]\n",
        [
            "run.yaml:4:13: observers.0: no observer is named 'wtach'; did you mean 'watch'?",
            "run.yaml:4:33: observers.1.on: unknown key",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_yaml_is_answered_with_these_lines(text, expected, answers):
    assert answers(text) == expected
