"""What the plugin registers, without importing anything heavy."""

import subprocess
import sys
from importlib import import_module

import dressage_toxicity
from dressage import Reward


def registered():
    found = {}
    dressage_toxicity.register_rewards(lambda name, target, **more: found.update({name: (target, more)}))
    return found


def test_registers_four_rewards():
    assert sorted(registered()) == ["classifier", "minilm", "profanity", "toxicity"]


def test_each_is_a_reward_with_the_options_it_is_registered_with():
    for target, more in registered().values():
        module, name = target.split(":")
        component = getattr(import_module(module), name)
        assert issubclass(component, Reward)
        assert component.options_model is more["options"]
        assert more["doc"]


def test_plugin_imports_nothing_heavy():
    code = (
        "import sys, dressage_toxicity;"
        "print({'torch', 'transformers', 'sklearn', 'detoxify', 'numpy', 'huggingface_hub'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
