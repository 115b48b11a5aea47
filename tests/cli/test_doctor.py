"""The doctor's findings: a verdict and a way out for each."""

import json

import pytest
from dressage import hookimpl
from dressage.cli import doctor as command
from dressage.host.doctor import Finding, examine
from dressage.testing import isolated_host

ENGINE = {
    "torch": "2.13.0",
    "transformers": "5.23.0",
    "threads": 1,
    "device": "cpu",
    "described": "cpu, 1 threads",
    "bfloat16": True,
    "gpu_bytes": None,
}


def _find(check: str, *, engine=None, environ=None, host=None) -> list[Finding]:
    found = examine(host or isolated_host(), engine=engine or ENGINE, environ=environ or {})
    return [finding for finding in found if finding.check == check]


def test_every_bad_finding_has_a_fix() -> None:
    found = examine(
        isolated_host(), engine={"error": "No module named 'torch'"}, environ={"DRESSAGE_CACHE": "/proc/nowhere"}
    )
    bad = [finding for finding in found if finding.verdict == "bad"]
    assert {finding.check for finding in bad} >= {"torch", "plugins"}
    assert all(finding.fix for finding in bad)


def test_missing_torch_is_bad_and_ends_the_questions_about_it() -> None:
    (torch,) = _find("torch", engine={"error": "ModuleNotFoundError: No module named 'torch'"})
    assert torch.verdict == "bad"
    assert "dressage[engine]" in torch.fix
    assert _find("gpu", engine={"error": "x"}) == []


@pytest.mark.parametrize(("native", "verdict"), [(True, "ok"), (False, "note")])
def test_bfloat16(native, verdict) -> None:
    assert _find("bfloat16", engine={**ENGINE, "bfloat16": native})[0].verdict == verdict


def test_gpu_is_described() -> None:
    (gpu,) = _find("gpu", engine={**ENGINE, "device": "cuda", "described": "RTX 4090, 24 GiB"})
    assert (gpu.verdict, gpu.found) == ("ok", "RTX 4090, 24 GiB")


def test_more_threads_than_cores_is_noted() -> None:
    (torch,) = _find("torch", engine={**ENGINE, "threads": 4096})
    assert torch.verdict == "note"
    assert "OMP_NUM_THREADS" in torch.fix


def test_broken_plugin_is_bad() -> None:
    class Broken:
        __name__ = "acme"

        @hookimpl
        def register_rewards(self, register):
            raise RuntimeError("it fell over")

    found = _find("plugins", host=isolated_host(Broken(), allow_broken=True))
    assert any(f.verdict == "bad" and "acme" in f.found and f.plugin for f in found)


def test_unknown_variable_is_noted_with_a_suggestion() -> None:
    (fine, wrong) = _find("variables", environ={"DRESSAGE_SEED": "3", "DRESSAGE_PLUGIN": "a", "HOME": "/x"})
    assert fine.found == "DRESSAGE_SEED=3"
    assert "did you mean 'DRESSAGE_PLUGINS'" in wrong.found


@pytest.mark.parametrize(("environ", "verdict"), [({"HF_HUB_OFFLINE": "1"}, "ok"), ({"HF_HUB_OFFLINE": "0"}, "note")])
def test_hub(environ, verdict) -> None:
    assert _find("hub", environ=environ)[0].verdict == verdict


def test_cache_that_lies_inside_a_file_is_judged_by_the_folder_above(tmp_path) -> None:
    (disk,) = _find("disk", environ={"DRESSAGE_CACHE": str(tmp_path / "a" / "b")})
    assert str(tmp_path / "a" / "b") in disk.found


def test_command_prints_a_line_each(call, monkeypatch) -> None:
    monkeypatch.setattr(command, "engine_facts", lambda: ENGINE)
    answer = call("doctor")
    assert answer.code == 3  # the fixture's second plugin is broken
    assert all(line.split()[0] in ("ok", "note", "bad") for line in answer.out.splitlines())
    found = json.loads(call("doctor", "--json").out)
    assert {"check", "verdict", "found", "fix", "plugin"} == set(found[0])


def test_command_exits_4_where_the_machine_refuses(call, monkeypatch) -> None:
    monkeypatch.setattr(command, "engine_facts", lambda: {"error": "Illegal instruction"})
    answer = call("doctor")
    assert answer.code == 4
    assert "Illegal instruction" in answer.out


def test_engine_that_crashes_is_an_answer(monkeypatch) -> None:
    monkeypatch.setattr(command.sys, "executable", "/bin/false")
    assert command.engine_facts() == {"error": "exit code 1"}
