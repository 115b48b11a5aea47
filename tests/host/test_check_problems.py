"""How problems are told: their order, their exit code, and what they say of plugins that are not there."""

from __future__ import annotations

import pytest
from dressage.spec.errors import ConfigError

from tests.host.conftest import DATA, MODEL, RUN, online


def test_problems_come_in_the_order_of_their_places(problems):
    text = online("[{use: loud, weight: -1}]", "    kl: {beta: -1}\n") + "seed: -1\nzzz: 1\n"
    places = [(one.where.line, one.where.column) for one in problems(text)]
    assert places == sorted(places)
    assert len(places) == 4


def test_only_missing_plugins_exit_with_3(plan):
    with pytest.raises(ConfigError) as caught:
        plan(MODEL + DATA + "stages: [ppo]\n")
    assert caught.value.exit_code == 3


def test_a_misspelling_beside_a_missing_plugin_exits_with_2(plan):
    with pytest.raises(ConfigError) as caught:
        plan(MODEL + DATA + "stages: [ppo, copi]\n")
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there(tmp_path, world):
    from dressage.host import check

    with pytest.raises(ConfigError) as caught:
        check(tmp_path / "none.yaml", world)
    assert str(caught.value) == f"{tmp_path}/none.yaml: no such file; name the YAML file of a run"


def test_a_folder_is_no_yaml(tmp_path, world):
    from dressage.host import check

    with pytest.raises(ConfigError, match="is a folder, not a YAML file"):
        check(tmp_path, world)


def test_a_file_in_another_encoding(tmp_path, world):
    from dressage.host import check

    (tmp_path / "run.yaml").write_bytes("seed: 1 # é".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 10\); save it as UTF-8"):
        check(tmp_path / "run.yaml", world)


def test_a_named_broken_plugin_is_a_missing_one(problems, make_plugin, hooks):
    from dressage.host import Discovery

    broken = make_plugin("3", register_rewards={"shout": object})
    discovery = Discovery.of({"acme": make_plugin(**hooks), "zeta": broken})
    (problem,) = problems(online("[zeta/shout]"), discovery=discovery)
    assert problem.missing
    assert problem.message == (
        "reward 'shout' cannot be used: zeta 3 is broken: "
        "RegistrationError: reward 'shout': object is not a subclass of dressage.Reward"
    )


def test_a_broken_plugin_that_nothing_names_stops_no_run(plan, make_plugin, hooks):
    from dressage.host import Discovery

    broken = make_plugin("3", register_rewards={"shout": object})
    discovery = Discovery.of({"acme": make_plugin(**hooks), "zeta": broken})
    assert plan(RUN, discovery=discovery).plugins[1].state == "broken"


def test_a_named_blocked_plugin_says_so(problems, make_plugin, hooks):
    from dressage.host import Discovery

    both = {"acme": make_plugin(**hooks), "dressage-ppo": make_plugin()}
    discovery = Discovery.of(both, environ={"DRESSAGE_PLUGINS": "acme"})
    (problem,) = problems(MODEL + DATA + "stages: [{use: ppo, rewards: [loud]}]\n", discovery=discovery)
    assert problem.missing
    assert problem.message == (
        "optimizer 'ppo' cannot be used: dressage-ppo 1.2 is blocked by DRESSAGE_PLUGINS; add dressage-ppo to it"
    )


def test_an_unknown_name_tells_of_the_plugins_that_could_have_it(problems, make_plugin, hooks):
    from dressage.host import Discovery

    plugins = {"acme": make_plugin(**hooks), "zeta": make_plugin(), "bad": make_plugin(register_rewards={"x": 1})}
    discovery = Discovery.of(plugins, environ={"DRESSAGE_PLUGINS": "acme,bad"})
    (problem,) = problems(online("[shouting]"), discovery=discovery)
    assert "; broken: bad (RegistrationError: reward 'x': 1 is not a subclass of dressage.Reward)" in problem.message
    assert "; blocked by DRESSAGE_PLUGINS: zeta; " in problem.message


def test_a_required_plugin_that_is_broken_or_blocked_says_so(problems, make_plugin, hooks):
    from dressage.host import Discovery

    plugins = {"acme": make_plugin(**hooks), "zeta": make_plugin(), "bad": make_plugin(register_rewards={"x": 1})}
    discovery = Discovery.of(plugins, environ={"DRESSAGE_PLUGINS": "acme,bad"})
    found = problems("requires: [bad, Zeta]\n" + RUN, discovery=discovery)
    assert [one.missing for one in found] == [True, True]
    assert found[0].message.startswith("bad 1.2 is broken: ")
    assert found[1].message == "zeta 1.2 is blocked by DRESSAGE_PLUGINS; add zeta to it"


def test_an_ambiguous_name_is_an_error_for_both(lines, make_plugin, hooks):
    from dressage.host import Discovery

    twin = make_plugin(register_optimizers={"copy": hooks["register_optimizers"]["copy"]})
    discovery = Discovery.of({"acme": make_plugin(**hooks), "zeta": twin})
    assert lines(RUN, discovery=discovery) == [
        "run.yaml:3:10: stages.0: 2 plugins have an optimizer 'copy'; write 'acme/copy' or 'zeta/copy'"
    ]


@pytest.mark.parametrize("error", [ZeroDivisionError("oh"), SystemExit("oh")])
def test_options_whose_validator_fails_otherwise_name_the_plugin(lines, make_plugin, hooks, error):
    import dressage
    from dressage.host import Discovery
    from pydantic import field_validator

    class Options(dressage.Options):
        x: int = 1

        @field_validator("x")
        @classmethod
        def check(cls, value):
            raise error

    class Odd(dressage.Observer[Options]): ...

    discovery = Discovery.of({"acme": make_plugin(**hooks), "odd": make_plugin("2", register_observers={"odd": Odd})})
    assert lines(RUN + "observers: [odd]\n", discovery=discovery) == [
        "run.yaml:4:13: observers.0.with: the options of observer 'odd' (odd 2) cannot be checked: "
        f"{type(error).__name__}: oh"
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("[mail]", ["observers.0.with.kinds.0: must be 'email' or 'phone', not 'mail'; did you mean 'email'?"]),
        ("[]", ["observers.0.with.kinds: must have at least 1 entries"]),
    ],
)
def test_a_list_is_too_short_only_where_it_is(problems, make_plugin, hooks, given, expected):
    from typing import Annotated, Literal

    import dressage
    from dressage.host import Discovery
    from pydantic import Field

    class Options(dressage.Options):
        kinds: Annotated[tuple[Literal["email", "phone"], ...], Field(min_length=1)] = ("email",)

    class Picky(dressage.Observer[Options]): ...

    discovery = Discovery.of({"acme": make_plugin(**hooks), "p": make_plugin(register_observers={"picky": Picky})})
    found = problems(f"{RUN}observers: [{{use: picky, with: {{kinds: {given}}}}}]\n", discovery=discovery)
    assert [f"{one.path}: {one.message}" for one in found] == expected
