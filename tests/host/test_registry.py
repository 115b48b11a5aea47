"""What `register` takes, and what it refuses."""

from __future__ import annotations

from types import SimpleNamespace

import dressage
import pytest
from dressage.host import Discovery
from pydantic import BaseModel


class Options(dressage.Options):
    size: int = 1


class Settings(BaseModel):
    size: int = 1


def discovery(hook: str, *calls) -> Discovery:
    def implementation(register):
        for arguments, keywords in calls:
            register(*arguments, **keywords)

    implementation.__name__ = hook
    return Discovery.of({"acme": SimpleNamespace(__version__="1.2", **{hook: dressage.hookimpl(implementation)})})


def error_of(hook: str, *arguments, **keywords) -> str:
    return discovery(hook, (arguments, keywords)).plugins[0].error.removeprefix("RegistrationError: ")


def entry_of(hook: str, section: str, *arguments, **keywords):
    return discovery(hook, (arguments, keywords)).catalog.find(section, arguments[0])


def test_a_class_is_registered_with_its_own_options_and_doc(world):
    entry = world.catalog.find("reward", "loud")
    assert entry.options.__name__ == "LoudOptions"
    assert entry.doc == "How loud a response is."
    assert entry.load().__name__ == "Loud"


def test_an_optimizer_class_says_which_kind_it_is_and_what_it_needs(world):
    online, offline = world.catalog.find("optimizer", "climb"), world.catalog.find("optimizer", "copy")
    assert (online.online, online.needs) == (True, None)
    assert (offline.online, offline.needs) == (False, "demonstrations")


def test_a_fitted_reward_needs_comparisons(world):
    assert world.catalog.find("reward", "learnt").needs == "comparisons"
    assert world.catalog.find("reward", "loud").needs is None


def test_the_lazy_form_keeps_what_it_is_told():
    entry = entry_of("register_rewards", "reward", "x", "no_such:X", options=Options, doc="An x.")
    assert (entry.options, entry.doc, entry.target, entry.online) == (Options, "An x.", "no_such:X", None)


def test_a_lazy_offline_optimizer_needs_demonstrations_by_default():
    entry = entry_of("register_optimizers", "optimizer", "x", "no_such:X", options=Options, kind="offline")
    assert (entry.online, entry.needs) == (False, "demonstrations")


def test_the_lazy_form_without_options_is_refused_with_the_right_call():
    assert error_of("register_rewards", "x", "mod:X") == (
        "reward 'x': the lazy form needs its options; did you mean register('x', 'mod:X', options=...)?"
    )


def test_a_lazy_optimizer_without_a_kind_is_refused():
    assert "did you mean register('x', 'mod:X', ..., kind='online')?" in error_of(
        "register_optimizers", "x", "mod:X", options=Options
    )


@pytest.mark.parametrize("target", ["mod", "mod.X", "mod:", ":X", "mod:X.y", "mod x:X"])
def test_a_target_of_another_form_is_refused(target):
    message = f"reward 'x': {target!r} is not of the form 'module:Class'"
    assert error_of("register_rewards", "x", target, options=Options) == message


def test_options_of_another_type_are_refused():
    assert "options= must be a subclass of dressage.Options" in error_of("register_rewards", "x", "m:X", options=dict)


@pytest.mark.parametrize("name", ["Loud", "loud_one", "", "a--b", "-a", "a/b", "a.b", 3])
def test_a_name_of_another_form_is_refused(name, hooks):
    assert error_of("register_rewards", name, hooks["register_rewards"]["loud"]) == (
        f"reward {name!r}: a name is lower case letters, digits and single hyphens"
    )


def test_a_class_of_another_kind_is_refused(hooks):
    assert error_of("register_filters", "x", hooks["register_rewards"]["loud"]) == (
        "filter 'x': Loud is not a subclass of dressage.Filter"
    )


def test_an_instance_is_refused():
    assert error_of("register_optimizers", "x", 3) == (
        "optimizer 'x': 3 is not a subclass of dressage.OnlineOptimizer or dressage.OfflineOptimizer"
    )


def test_an_abstract_class_is_refused_with_what_it_lacks():
    class Half(dressage.Reward[Options]): ...

    assert error_of("register_rewards", "x", Half) == "reward 'x': Half does not define score"


def test_a_component_with_options_that_are_none_is_refused_where_it_is_written():
    with pytest.raises(TypeError, match=r"^Loud: Settings must be a subclass of dressage\.Options$"):

        class Loud(dressage.Reward[Settings]):
            def score(self, batch):
                return []


@pytest.mark.parametrize("goal", ["minimize", "MIN", None, 1])
def test_a_goal_that_is_none_is_refused(goal):
    class Loud(dressage.Reward[Options]):
        def score(self, batch):
            return []

    Loud.goal = goal
    assert error_of("register_rewards", "x", Loud) == f"reward 'x': Loud: goal must be 'max' or 'min', not {goal!r}"


def test_options_beside_a_class_are_refused(hooks):
    assert "options= is for the lazy form" in error_of(
        "register_rewards", "x", hooks["register_rewards"]["loud"], options=Options
    )


def test_a_kind_that_the_class_is_not_is_refused(hooks):
    message = error_of("register_optimizers", "x", hooks["register_optimizers"]["climb"], kind="offline")
    assert message == "optimizer 'x': the class has kind online, its registration says kind=offline"


def test_one_name_twice_in_a_plugin_is_refused(hooks):
    call = (("loud", hooks["register_rewards"]["loud"]), {})
    error = discovery("register_rewards", call, call).plugins[0].error
    assert error == "RegistrationError: reward 'loud' is registered twice"


def test_needs_is_for_what_learns():
    assert "needs= is for offline optimizers and fitted rewards" in error_of(
        "register_filters", "x", "m:X", options=Options, needs="comparisons"
    )
