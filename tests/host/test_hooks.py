"""Hooks that pluggy would accept and never call, or call without what they ask for, are refused."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import dressage
import pytest
from dressage.host import Discovery
from dressage.host.hooks import EVENTS, HOOKS
from dressage.spec import hookspecs


def error_of(plugin: object) -> str:
    return Discovery.of({"acme": plugin}).plugins[0].error


def module_of(**functions: object) -> ModuleType:
    module = ModuleType("acme_module")
    for name, function in functions.items():
        function.__module__ = "acme_module"
        setattr(module, name, function)
    return module


def test_the_hook_specs_are_the_hooks():
    assert len(HOOKS) == 8
    assert all(getattr(hookspecs, name).dressage_spec for name in HOOKS)


def test_the_events_are_those_of_an_observer():
    assert EVENTS == ("on_run_start", "on_rollout", "on_step", "on_evaluate", "on_run_end")


def test_a_misspelt_hook_is_refused_with_the_right_name():
    @dressage.hookimpl
    def register_reward(register): ...

    assert error_of(SimpleNamespace(register_reward=register_reward)) == (
        "HookError: register_reward(register): there is no hook 'register_reward'; did you mean 'register_rewards'?"
    )


def test_a_hook_that_resembles_none_is_refused_without_a_suggestion():
    @dressage.hookimpl
    def zzz(register): ...

    assert error_of(SimpleNamespace(zzz=zzz)) == "HookError: zzz(register): there is no hook 'zzz'"


def test_an_optional_hook_may_be_unknown():
    @dressage.hookimpl(optionalhook=True)
    def register_worlds(register): ...

    assert error_of(SimpleNamespace(register_worlds=register_worlds)) == ""


def test_a_hook_may_have_another_name_where_it_names_its_spec(hooks):
    @dressage.hookimpl(specname="register_rewards")
    def mine(register):
        register("loud", hooks["register_rewards"]["loud"])

    assert Discovery.of({"acme": SimpleNamespace(mine=mine)}).catalog.find("reward", "loud")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_without_its_argument_is_refused(hook):
    def implementation(): ...

    implementation.__name__ = hook
    assert error_of(SimpleNamespace(**{hook: dressage.hookimpl(implementation)})) == (
        f"HookError: {hook}(): without 'register' it can register nothing; write {hook}(register)"
    )


def test_an_unmarked_hook_is_refused():
    def register_rewards(register): ...

    assert error_of(module_of(register_rewards=register_rewards)) == (
        "HookError: register_rewards(register): is not marked as a hook; did you mean @dressage.hookimpl on "
        "'register_rewards'?"
    )


def test_a_function_imported_from_elsewhere_is_no_unmarked_hook():
    def register_rewards(register): ...

    module = module_of()
    module.register_rewards = register_rewards
    assert error_of(module) == ""


def test_a_function_that_resembles_no_hook_is_left_alone():
    def register_everything_there_is(): ...

    assert error_of(module_of(register_everything_there_is=register_everything_there_is)) == ""


@pytest.mark.parametrize("hook", HOOKS)
def test_an_argument_with_a_default_is_refused_for_every_hook(hook):
    def implementation(register=None): ...

    implementation.__name__ = hook
    assert error_of(SimpleNamespace(**{hook: dressage.hookimpl(implementation)})) == (
        f"HookError: {hook}(register=None): argument 'register' has a default, so it is never passed; "
        "did you mean 'register' without one?"
    )


def test_a_further_argument_with_a_default_is_refused():
    @dressage.hookimpl
    def register_rewards(register, strict=True): ...

    assert "argument 'strict' has a default" in error_of(SimpleNamespace(register_rewards=register_rewards))


@pytest.mark.parametrize("signature", ["*register", "**register", "*, register"])
def test_an_argument_that_is_not_positional_is_refused(signature):
    space: dict[str, object] = {}
    exec(f"def register_rewards({signature}): ...", space)
    hook = dressage.hookimpl(space["register_rewards"])
    assert "argument 'register' is never passed; did you mean 'register'?" in error_of(
        SimpleNamespace(register_rewards=hook)
    )


def test_a_misspelt_argument_is_refused():
    @dressage.hookimpl
    def register_rewards(registry): ...

    assert error_of(SimpleNamespace(register_rewards=register_rewards)) == (
        "HookError: register_rewards(registry): there is no argument 'registry'; did you mean 'register'?"
    )


@pytest.mark.parametrize("mark", [True, False])
def test_a_module_level_event_is_refused_marked_or_not(mark):
    def on_step(event): ...

    module = module_of(on_step=dressage.hookimpl(on_step) if mark else on_step)
    assert error_of(module) == (
        "HookError: on_step(event): a plugin itself is told of no events; did you mean a method 'on_step' of a "
        "dressage.Observer, which the YAML names?"
    )


def test_a_misspelt_event_is_refused_too():
    def on_steps(event): ...

    assert "did you mean a method 'on_step' of" in error_of(module_of(on_steps=on_steps))


def test_a_plugin_may_be_an_instance_with_methods(hooks):
    class Plugin:
        __version__ = "3"

        @dressage.hookimpl
        def register_rewards(self, register):
            register("loud", hooks["register_rewards"]["loud"])

    assert Discovery.of({"acme": Plugin()}).catalog.find("reward", "loud").version == "3"


def test_the_other_hooks_of_a_refused_plugin_are_not_called():
    called = []

    @dressage.hookimpl
    def register_filters(register):
        called.append(1)

    @dressage.hookimpl
    def register_reward(register): ...

    error_of(SimpleNamespace(register_filters=register_filters, register_reward=register_reward))
    assert called == []
