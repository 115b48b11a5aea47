"""Every way the command line can end: one line on stderr, the right exit code, never a traceback."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from dressage import MachineError
from dressage.cli.main import exit_code, explain

COMMANDS = ("run", "check", "eval", "report", "plugins", "init", "new-plugin", "doctor")


@pytest.mark.parametrize("command", [*((name,) for name in COMMANDS), (), ("plugins", "show")])
def test_help_has_an_example(call, command) -> None:
    answer = call(*command, "--help")
    assert answer.code == 0
    assert "Example:\n" in answer.out
    assert f"dressage {' '.join(command)}".strip() in answer.out.partition("Example:")[2]
    assert answer.err == ""


def test_no_arguments_show_the_help(call) -> None:
    answer = call()
    assert answer.code == 0
    assert "Usage: dressage" in answer.out


def test_version(call) -> None:
    assert call("--version").out.startswith("dressage 0.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rnu",), "no such command 'rnu'. Did you mean 'run'?; see dressage --help"),
        (("run",), "missing argument 'YAML'; see dressage run --help"),
        (("run", "x.yaml", "--frobnicate"), "no such option: --frobnicate; see dressage run --help"),
        (("run", "x.yaml", "--seed", "many"), "invalid value for '--seed'"),
        (("new-plugin", "x", "--kind", "horse"), "invalid value for '--kind'"),
        (("run", "absent.yaml"), "absent.yaml: no such file"),
        (("eval", "absent.yaml"), "absent.yaml: no such file"),
        (("report", "absent"), "absent: no such run folder"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_2(call, arguments, said) -> None:
    answer = call(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_every_problem_of_a_yaml_is_a_line(call, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("model: {base: a/b}\nsede: 1\nevaluate: {measures: [siez], sets: {x: absent.jsonl}}\n")
    answer = call("check", path)
    lines = answer.err.splitlines()
    assert answer.code == 2
    assert len(lines) >= 3
    assert all(line.startswith(f"error: {path}:") for line in lines)
    assert any("did you mean 'size'" in line for line in lines)


def test_missing_plugin_alone_exits_3(call, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("model: {base: a/b}\ndata: {prompts: p.jsonl}\nstages: [ppo]\n")
    (tmp_path / "p.jsonl").write_text('{"prompt": "a"}\n')
    answer = call("check", path)
    assert answer.code == 3
    assert "pip install dressage-ppo" in answer.err


def test_unexpected_error_is_one_line_with_the_way_to_see_more(call, yaml, engine) -> None:
    def fail(folder, stop):
        raise ValueError("first line\nsecond line")

    engine.work = fail
    answer = call("run", yaml)
    assert answer.code == 1
    last = answer.err.splitlines()[-1]
    assert last == "error: ValueError: first line second line; set DRESSAGE_TRACEBACK=1 to see where"
    assert "Traceback" not in answer.err


def test_traceback_on_demand(call, yaml, engine, monkeypatch) -> None:
    def fail(folder, stop):
        raise ValueError("why")

    engine.work = fail
    monkeypatch.setenv("DRESSAGE_TRACEBACK", "1")
    assert "Traceback" in call("run", yaml).err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MachineError("no such GPU"), 4, "no such GPU"),
        (OSError(errno.ENOSPC, "No space left on device", "model.bin"), 4, "model.bin: no space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 4, "x: permission denied"),
        (MemoryError(), 4, "out of memory"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."), 4, "out of memory (CUDA"),
        (RuntimeError(), 1, "RuntimeError; set DRESSAGE_TRACEBACK=1"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), 1, "FileNotFoundError"),
    ],
)
def test_errors_of_the_machine(error, code, said) -> None:
    assert exit_code(error) == code
    (line,) = explain(error)
    assert said in line


def test_plugin_commands_are_listed_and_run(call) -> None:
    listed = call("--help").out
    assert "greet" in listed
    assert "Greet someone." in listed
    assert call("greet", "Anna").out == "hello Anna\n"
    assert call("greet", "Anna", "--loud").out == "HELLO Anna\n"
    assert "Usage: dressage greet" in call("greet", "--help").out


def test_plugin_command_that_cannot_be_imported_exits_3(call) -> None:
    answer = call("lost")
    assert answer.code == 3
    assert "no_such_module_anywhere" in answer.err
    assert answer.err.count("\n") == 1


def test_nothing_heavy_is_imported_before_a_run(tmp_path: Path) -> None:
    """One process does help, plugins, check and init with what is really installed."""
    code = (
        "import sys; from dressage.__main__ import main\n"
        "assert main(['--help']) == 0 and main(['plugins']) == 0 and main(['init', 'q.yaml']) == 0\n"
        "code = main(['check', 'q.yaml'])\n"
        "heavy = {'torch', 'transformers', 'peft', 'numpy', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "print(sorted(heavy), code, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr == "[] 0\n"


def test_module_is_the_same_program_and_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m dressage plugins --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "{"
    assert done.stderr == ""
