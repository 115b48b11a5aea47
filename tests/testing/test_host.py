"""The isolated host knows the given plugins and nothing that is installed; the kit itself is light to import."""

import subprocess
import sys

import pytest
from dressage import Batch, NoOptions, PluginError, Reward, Score, hookimpl
from dressage.testing import isolated_host


class Loud(Reward[NoOptions]):
    """Always one."""

    def score(self, batch: Batch) -> list[Score]:
        return [1.0] * len(batch)


class LoudPlugin:
    __version__ = "2.0"

    @hookimpl
    def register_rewards(self, register):
        register("loud", Loud)


class BrokenPlugin:
    @hookimpl
    def register_rewards(self, register):
        register("Not A Name", Loud)


def test_host_has_the_given_plugin_alone() -> None:
    host = isolated_host(LoudPlugin())
    assert [(entry.name, entry.version) for entry in host.catalog.entries("reward")] == [("loud", "2.0")]
    assert [record.distribution for record in host.plugins] == ["loudplugin"]
    assert host.catalog.find("reward", "loud").load() is Loud


def test_host_without_plugins_is_empty() -> None:
    assert isolated_host().plugins == ()


def test_plugin_may_be_a_module_name() -> None:
    assert [record.distribution for record in isolated_host("dressage_sft").plugins] == ["dressage-sft"]


def test_broken_plugin_is_an_error_unless_allowed() -> None:
    with pytest.raises(PluginError, match=r"brokenplugin is broken: .*'Not A Name'"):
        isolated_host(BrokenPlugin())
    assert isolated_host(BrokenPlugin(), allow_broken=True).plugins[0].state == "broken"


def test_two_plugins_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two plugins are named 'loudplugin'"):
        isolated_host(LoudPlugin(), LoudPlugin())


def test_kit_does_not_import_torch() -> None:
    names = "EvaluatorContract, FilterContract, FittedRewardContract, OptimizerContract, RewardContract, isolated_host"
    code = f"import sys; from dressage.testing import {names}; print({{'torch', 'transformers'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
