"""Guarded discovery: entry points, the allow-list, broken plugins and their rollback."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import dressage
import pytest
from dressage.host import Discovery, discover
from dressage.spec.errors import PluginError, UsageError

REWARD = """
import dressage

__version__ = "9"

class {name}(dressage.Reward[dressage.NoOptions]):
    def score(self, batch):
        return [0.0] * len(batch)

@dressage.hookimpl
def register_rewards(register):
    register("{lower}", {name})
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution with one module into a folder on the path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def run(distribution: str, module: str, source: str, *, version: str = "1.0", points: str | None = None) -> None:
        (site / f"{module}.py").write_text(source)
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(points if points is not None else f"[dressage]\nmain = {module}\n")

    yield run
    for name in set(sys.modules) - before:
        if name.startswith("zz_"):
            del sys.modules[name]


def record(discovery: Discovery, distribution: str):
    return next(one for one in discovery.plugins if one.distribution == distribution)


def test_an_entry_point_is_found_with_its_version(install):
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"), version="1.5")
    entry = discover({}).catalog.find("reward", "quiet")
    assert (entry.distribution, entry.version, entry.target) == ("zz-quiet", "1.5", "zz_quiet:Quiet")


def test_a_loaded_plugin_lists_its_components(install):
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"))
    assert record(discover({}), "zz-quiet").components == ("reward/quiet",)


def test_an_import_that_fails_breaks_only_its_own_plugin(install):
    install("zz-bad", "zz_bad", "import no_such_library\n")
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"))
    found = discover({})
    assert record(found, "zz-bad").state == "broken"
    assert record(found, "zz-bad").error == "ModuleNotFoundError: No module named 'no_such_library'"
    assert found.catalog.find("reward", "quiet")


def test_a_broken_plugins_error_is_one_line(install):
    install("zz-bad", "zz_bad", "raise ValueError('first\\nsecond')\n")
    assert record(discover({}), "zz-bad").error == "ValueError: first"


def test_a_plugin_that_exits_at_import_is_broken(install):
    install("zz-bad", "zz_bad", "raise SystemExit(3)\n")
    assert record(discover({}), "zz-bad").error == "SystemExit: 3"


ODD = "class Odd(BaseException): ...\nraise Odd('no')\n"


def test_a_plugin_that_raises_what_is_no_exception_is_broken(install):
    install("zz-bad", "zz_bad", ODD)
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"))
    found = discover({})
    assert record(found, "zz-bad").error == "Odd: no"
    assert found.catalog.find("reward", "quiet")


def test_a_lazy_module_that_raises_what_is_no_exception_is_named(install):
    lazy = "import dressage\n@dressage.hookimpl\ndef register_rewards(register):\n"
    install("zz-lazy", "zz_lazy", lazy + "    register('x', 'zz_bad:X', options=dressage.NoOptions)\n")
    install("zz-bad", "zz_bad", ODD, points="")
    with pytest.raises(PluginError, match="cannot be loaded from zz_bad:X: Odd: no"):
        discover({}).catalog.find("reward", "x").load()


def test_an_interrupt_while_a_plugin_is_imported_is_one(install):
    install("zz-bad", "zz_bad", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        discover({})


def test_unreadable_entry_points_break_only_their_own_plugin(install):
    install("zz-bad", "zz_bad", "", points="[dressage]\nno equals sign\n")
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"))
    found = discover({})
    assert record(found, "zz-bad").state == "broken"
    assert record(found, "zz-bad").error.startswith("entry_points.txt: ")
    assert found.catalog.find("reward", "quiet")


def test_a_blocked_plugin_is_never_imported(install):
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"))
    found = discover({"DRESSAGE_PLUGINS": "something-else"})
    assert record(found, "zz-quiet").state == "blocked"
    assert "zz_quiet" not in sys.modules


def test_an_empty_allow_list_blocks_all(install):
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"))
    found = discover({"DRESSAGE_PLUGINS": ""})
    assert {one.state for one in found.plugins} == {"blocked"}
    assert len(found.catalog) == 0


def test_an_allowed_plugin_is_compared_by_its_normal_name(install):
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"))
    found = discover({"DRESSAGE_PLUGINS": " ZZ_Quiet , other"})
    assert [one.distribution for one in found.plugins if one.state == "loaded"] == ["zz-quiet"]


def test_of_two_copies_of_a_distribution_the_first_on_the_path_counts(install, tmp_path, monkeypatch):
    install("zz-quiet", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"), version="1.0")
    other = tmp_path / "other" / "zz_quiet-2.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: zz-quiet\nVersion: 2.0\n")
    (other / "entry_points.txt").write_text("[dressage]\nmain = zz_quiet\n")
    sys.path.append(str(other.parent))
    try:
        assert [one.version for one in discover({}).plugins if one.distribution == "zz-quiet"] == ["1.0"]
    finally:
        sys.path.remove(str(other.parent))


def test_an_extra_plugin_joins_the_installed_ones(make_plugin, hooks):
    found = discover({}, extra={"acme": make_plugin(**hooks)})
    assert record(found, "acme").error == ""
    assert record(found, "dressage-ppo").state == "loaded"


def test_an_extra_plugin_takes_the_place_of_an_installed_one(install, make_plugin, hooks):
    install("zz-quiet", "zz_quiet", "raise ValueError\n")
    found = discover({}, extra={"zz-quiet": make_plugin("7", **hooks)})
    assert [(one.version, one.state) for one in found.plugins if one.distribution == "zz-quiet"] == [("7", "loaded")]


def test_the_isolated_form_knows_nothing_that_is_installed(world):
    assert [one.distribution for one in world.plugins] == ["acme"]


def test_an_object_without_a_version_is_version_0():
    assert Discovery.of({"acme": SimpleNamespace()}).plugins[0].version == "0.0.0"


def test_what_a_plugin_registered_before_it_failed_is_rolled_back(make_plugin, hooks):
    acme = make_plugin(register_rewards=hooks["register_rewards"])

    @dressage.hookimpl
    def register_filters(register):
        raise RuntimeError("no")

    acme.register_filters = register_filters
    found = Discovery.of({"acme": acme})
    assert len(found.catalog) == 0
    assert found.plugins[0].components == ()


def test_a_component_that_went_down_with_its_plugin_is_told_from_a_misspelling(make_plugin, hooks):
    acme = make_plugin(register_rewards={"quiet": hooks["register_rewards"]["loud"], "Bad Name": object})
    found = Discovery.of({"acme": acme})
    with pytest.raises(PluginError, match=r"^reward 'quiet' cannot be used: acme 1.2 is broken: RegistrationError: "):
        found.catalog.find("reward", "quiet")


def test_two_plugins_in_one_distribution_are_broken_together(install):
    install("zz-bad", "zz_bad", "raise ValueError('no')\n", points="[dressage]\na = zz_quiet\nb = zz_bad\n")
    install("zz-other", "zz_quiet", REWARD.format(name="Quiet", lower="quiet"), points="[other]\nx = y\n")
    found = discover({})
    assert record(found, "zz-bad").state == "broken"
    with pytest.raises(PluginError, match=r"zz-bad 1\.0 is broken"):
        found.catalog.find("reward", "zz-bad/quiet")


def test_one_module_under_two_entry_points_is_registered_once(install):
    source = REWARD.format(name="Quiet", lower="quiet")
    install("zz-quiet", "zz_quiet", source, points="[dressage]\na = zz_quiet\nb = zz_quiet\n")
    assert record(discover({}), "zz-quiet").state == "loaded"


def test_two_plugins_with_one_name_are_an_error_for_the_bare_name(make_plugin, hooks):
    rewards = {"register_rewards": {"loud": hooks["register_rewards"]["loud"]}}
    catalog = Discovery.of({"acme": make_plugin(**rewards), "zeta": make_plugin(**rewards)}).catalog
    with pytest.raises(UsageError, match=r"^2 plugins have a reward 'loud'; write 'acme/loud' or 'zeta/loud'$"):
        catalog.find("reward", "loud")
    assert catalog.find("reward", "zeta/loud").distribution == "zeta"
    assert catalog.names("reward") == ("acme/loud", "zeta/loud")


def test_a_name_with_its_distribution_is_found_where_the_bare_one_would_do(world):
    assert world.catalog.find("reward", "ACME/loud") is world.catalog.find("reward", "loud")


def test_a_command_is_found_by_name_and_loads():
    @dressage.hookimpl
    def register_commands(register):
        register("hello", lambda: "hi", doc="Says hi.")
        register("path", "pathlib:PurePath")

    commands = Discovery.of({"acme": SimpleNamespace(register_commands=register_commands)}).commands
    assert commands["hello"].load()() == "hi"
    assert commands["hello"].doc == "Says hi."
    assert commands["path"].distribution == "acme"


def test_two_commands_with_one_name_are_told_apart_by_distribution():
    def one():
        @dressage.hookimpl
        def register_commands(register):
            register("hello", print)

        return SimpleNamespace(register_commands=register_commands)

    assert sorted(Discovery.of({"acme": one(), "zeta": one()}).commands) == ["acme/hello", "zeta/hello"]


def test_a_command_that_cannot_be_imported_names_plugin_and_target():
    @dressage.hookimpl
    def register_commands(register):
        register("hello", "no_such_module:main")

    command = Discovery.of({"acme": SimpleNamespace(register_commands=register_commands)}).commands["hello"]
    with pytest.raises(
        PluginError, match=r"^command 'hello' of acme 0.0.0 cannot be loaded from no_such_module:main: "
    ):
        command.load()


def test_installed_components_of_ours_are_in_the_table_of_known_names():
    from dressage.host.known import DISTRIBUTIONS, KNOWN

    for entry in discover({}).catalog:
        if entry.distribution in DISTRIBUTIONS:
            assert KNOWN[entry.kind].get(entry.name) == entry.distribution, f"{entry.kind} {entry.name}"


def test_every_known_distribution_that_has_a_folder_here_is_in_the_table():
    from dressage.host.known import DISTRIBUTIONS

    folders = {path.parent.name for path in Path(__file__).parents[2].glob("plugins/*/pyproject.toml")}
    assert folders <= DISTRIBUTIONS
