"""Nine measures, none imported before it is used."""

import subprocess
import sys
from importlib import import_module

import dressage_evals
from dressage import Evaluator


def registered():
    found = {}
    dressage_evals.register_evaluators(lambda name, target, **options: found.update({name: (target, options)}))
    return found


def test_all_measures_are_registered():
    assert sorted(registered()) == [
        "answered", "bias", "distinct", "length", "perplexity", "profane-words", "refusal", "repetition", "toxicity",
    ]  # fmt: skip


def test_targets_are_evaluators_with_the_registered_options():
    for target, options in registered().values():
        module, name = target.split(":")
        component = getattr(import_module(module), name)
        assert issubclass(component, Evaluator)
        assert component.options_model is options["options"]


def test_registering_imports_neither_torch_nor_numpy():
    code = "import sys, dressage_evals; print(sorted({'torch', 'numpy', 'dressage_evals.words'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
