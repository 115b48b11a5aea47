"""What the plugin registers: loadable, documented, and light until it is used."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import dressage_rules
import pytest
from dressage import Reward

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def registered():
    found = {}
    dressage_rules.register_rewards(lambda name, target, **more: found.update({name: (target, more)}))
    return found


def test_registers_by_these_names():
    assert sorted(registered()) == ["length", "pattern", "python", "repetition"]


@pytest.mark.parametrize("name", registered())
def test_the_class_has_the_options_it_is_registered_with(name):
    target, more = registered()[name]
    module, _, attribute = target.partition(":")
    component = getattr(import_module(module), attribute)
    assert issubclass(component, Reward)
    assert component.options_model is more["options"]
    assert more["doc"]


@pytest.mark.parametrize("name", registered())
def test_the_readme_has_an_example_and_every_option(name):
    _, _, rest = README.partition(f"\n## {name}\n")
    section = rest.partition("\n## ")[0]
    assert name in section.partition("```yaml")[2].partition("```")[0]
    for option in registered()[name][1]["options"].model_fields:
        assert f"\n| `{option}` | " in section


def test_importing_the_plugin_imports_nothing_heavy():
    heavy = ["torch", "transformers"]
    code = f"import sys, dressage_rules; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
