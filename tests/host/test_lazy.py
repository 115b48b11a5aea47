"""Lazily named classes: imported once, held against their registration, and named in every error."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import dressage
import pytest
from dressage.host import Discovery
from dressage.spec.errors import PluginError


class Options(dressage.Options): ...


class Other(dressage.Options): ...


@pytest.fixture
def load(monkeypatch):
    """Loads what a lazy registration names, from a module made of the given names."""

    def run(hook: str, kind: str, keywords: dict, **names: object):
        module = ModuleType("zz_lazy")
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, "zz_lazy", module)

        def implementation(register):
            register("x", "zz_lazy:X", **keywords)

        implementation.__name__ = hook
        plugin = SimpleNamespace(__version__="1.2", **{hook: dressage.hookimpl(implementation)})
        return Discovery.of({"acme": plugin}).catalog.find(kind, "x").load()

    return run


def message(load, *arguments, **names) -> str:
    with pytest.raises(PluginError) as caught:
        load(*arguments, **names)
    prefix = "x' of acme 1.2 cannot be loaded from zz_lazy:X: "
    text = str(caught.value)
    assert prefix in text
    return text.partition(prefix)[2]


def reward(options=Options):
    class X(dressage.Reward[options]):
        def score(self, batch):
            return []

    return X


def test_a_lazy_class_is_the_class(load):
    cls = reward()
    assert load("register_rewards", "reward", {"options": Options}, X=cls) is cls


def test_a_class_that_is_not_there(load):
    assert message(load, "register_rewards", "reward", {"options": Options}) == (
        "AttributeError: module 'zz_lazy' has no attribute 'X'"
    )


def test_a_library_that_is_not_there():
    @dressage.hookimpl
    def register_rewards(register):
        register("x", "zz_not_there.sub:X", options=Options)

    catalog = Discovery.of({"acme": SimpleNamespace(register_rewards=register_rewards)}).catalog
    with pytest.raises(PluginError) as caught:
        catalog.find("reward", "x").load()
    assert str(caught.value) == (
        "reward 'x' of acme 0.0.0 cannot be loaded from zz_not_there.sub:X: "
        "ModuleNotFoundError: No module named 'zz_not_there'"
    )
    assert caught.value.exit_code == 3


def test_a_class_of_another_kind(load):
    assert message(load, "register_filters", "filter", {"options": Options}, X=reward()) == (
        "X is not a subclass of dressage.Filter"
    )


def test_a_class_with_other_options_than_were_checked(load):
    assert message(load, "register_rewards", "reward", {"options": Options}, X=reward(Other)) == (
        "the class has options Other, its registration says Options"
    )


def test_an_optimizer_of_the_other_kind(load, hooks):
    keywords = {"options": dressage.NoOptions, "kind": "offline"}
    assert message(load, "register_optimizers", "optimizer", keywords, X=hooks["register_optimizers"]["climb"]) == (
        "the class has kind 'online', its registration says kind='offline'"
    )


def test_a_fitted_reward_that_did_not_say_what_it_needs(load, hooks):
    keywords = {"options": dressage.NoOptions}
    assert message(load, "register_rewards", "reward", keywords, X=hooks["register_rewards"]["learnt"]) == (
        "the class has needs 'comparisons', its registration says needs=None"
    )


def test_an_abstract_class(load):
    class X(dressage.Reward[Options]): ...

    assert message(load, "register_rewards", "reward", {"options": Options}, X=X) == "X does not define score"


def test_every_installed_lazy_component_is_what_it_was_registered_as():
    """Only those that need no heavy library; the contracts of the plugins hold the others."""
    from dressage.host import discover

    for entry in discover({}).catalog:
        if entry.distribution in ("dressage-rules", "dressage-filters"):
            assert entry.load().options_model is entry.options
