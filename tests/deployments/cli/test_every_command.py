"""What holds for every command there is: a new one cannot be added without help, examples, --json and exit codes."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command

from deployments.cli.command import Configured, ConfiguredGroup
from deployments.cli.ending import run
from deployments.cli.main import app
from tests.program import ROOT, slipway

# They go on until somebody ends them, or print JSON and nothing else as it is.
NOTHING_TO_READ = {"serve", "dashboard", "demo", "server watch"}
JSON_ALREADY = {"config schema", "migrations schema"}


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    yield " ".join(path), command
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, (*path, name))


EVERY = dict(walk(get_command(app)))
LEAVES = {n: c for n, c in EVERY.items() if not hasattr(c, "commands") or c.invoke_without_command}
READING = sorted(n for n, c in EVERY.items() if isinstance(c, Configured | ConfiguredGroup))
every = pytest.mark.parametrize("name", sorted(EVERY))
leaf = pytest.mark.parametrize("name", sorted(LEAVES))


def context(name: str) -> Any:
    return EVERY[name].make_context(f"slipway {name}".strip(), ["-"], resilient_parsing=True)


def parameters(name: str) -> list[Any]:
    return EVERY[name].get_params(context(name))


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Runs the program in this process."""
    monkeypatch.setattr("sys.argv", ["slipway", *arguments])
    with pytest.raises(SystemExit) as end:
        run(app)
    told = capsys.readouterr()
    return int(end.value.code or 0), told.out, told.err


@every
def test_help_fits_from_40_columns_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (40, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = EVERY[name].get_help(context(name)).splitlines()
        assert lines[0].startswith(f"Usage: slipway {name}".strip()[:width])
        prose = [line for line in lines if not line.startswith("  slipway ") and len(line.split()) > 1]
        assert max(map(len, prose)) <= min(width, 100)


@every
def test_help_is_on_standard_output_by_both_names(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = (call(capsys, monkeypatch, *name.split(), option) for option in ("--help", "-h"))
    assert long == short
    assert (long[0], long[1][:6], long[2]) == (0, "Usage:", "")


@every
def test_it_says_what_it_does_in_sentences(name: str) -> None:
    sentences = [EVERY[name].help, *(p.help for p in parameters(name))]
    assert all(re.fullmatch(r"[A-Z0-9a-z/`].*\.", " ".join((s or "").split())) for s in sentences), sentences
    assert EVERY[name].help[0].isupper()


@every
def test_what_takes_a_value_says_which(name: str) -> None:
    for p in parameters(name):
        choices = p.param_type_name == "option" and (p.is_flag or p.type_descriptor.is_choice)
        assert choices or (p.metavar and p.metavar.isupper()), p.name


def test_an_option_takes_the_same_everywhere() -> None:
    taken: dict[str, set[str]] = defaultdict(set)
    for name in EVERY:
        for p in parameters(name):
            for option in p.opts if p.param_type_name == "option" else ():
                taken[option].add("" if p.is_flag else p.metavar or "choice")
    assert {option: kinds for option, kinds in taken.items() if len(kinds) > 1} == {}
    assert "--by" in taken


@leaf
def test_its_examples_are_calls_of_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_CONFIG", "")
    assert LEAVES[name].examples
    for example in LEAVES[name].examples:
        words = shlex.split(example.partition(" >")[0])
        path, rest = words[1 : 1 + len(name.split())], words[1 + len(name.split()) :]
        assert (words[0], path) == ("slipway", name.split())
        LEAVES[name].make_context(name, rest)
        assert f"\n  {example}" in LEAVES[name].get_help(context(name))


@leaf
def test_what_there_is_to_read_can_be_had_as_json(name: str) -> None:
    has = any("--json" in p.opts for p in parameters(name))
    assert has == (name not in NOTHING_TO_READ | JSON_ALREADY)
    assert bool(LEAVES[name].json_keys) == has


@every
def test_a_wrong_option_is_a_usage_error_that_names_the_command(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call(capsys, monkeypatch, *name.split(), "--zzz")
    where = f"slipway {name}".strip()
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "no such option: --zzz",
        f"  where: {where}",
        f"  next:  `{where} --help` shows what it takes",
    ]


@pytest.mark.parametrize("name", sorted(n for n, c in EVERY.items() if hasattr(c, "commands")))
def test_a_wrong_command_is_answered_with_those_like_it(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    meant = next(iter(EVERY[name].commands))
    code, out, err = call(capsys, monkeypatch, *name.split(), f"{meant}x")
    assert (code, out, f"Did you mean '{meant}'" in err) == (2, "", True)


@pytest.mark.parametrize("name", sorted(set(READING) - {"doctor", "server apply"}))
def test_settings_that_are_not_there_are_told_alike(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each by its first example, with the option as with the variable."""
    monkeypatch.setenv("SLIPWAY_CONFIG", str(tmp_path / "none.yaml"))
    rest = shlex.split(LEAVES[name].examples[0].partition(" >")[0])[1:]
    code, out, err = call(capsys, monkeypatch, *rest)
    assert (code, out) == (2, "")
    assert err.startswith("no configuration: No such file or directory\n")
    assert str(tmp_path / "none.yaml") in err
    other = call(capsys, monkeypatch, *rest, "--config", str(tmp_path / "other.yaml"))
    assert (other[0], str(tmp_path / "other.yaml") in other[2]) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "overrides",
        "hold bre --reason audit",
        "release-hold bre",
        "config validate",
        "migrations explain drop_column",
    ],
)
def test_json_has_the_keys_that_the_help_names(shop: SimpleNamespace, command: str) -> None:
    name = next(n for n in sorted(LEAVES, key=len, reverse=True) if command.startswith(n) and n)
    done = slipway(*command.split(), "--json", **shop.env)
    assert (done.returncode, done.stderr) == (0, "")
    value = json.loads(done.stdout)
    keys = LEAVES[name].json_keys.split(", ")
    assert list((value[0] if isinstance(value, list) else value).keys()) == keys or keys == ["those of the file"]


def test_without_a_terminal_nothing_is_coloured(shop: SimpleNamespace) -> None:
    wrong = ("hold", "nobody", "--reason", "x")
    for env in ({}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}):
        for command in (("status",), ("doctor", "--timeout", "1"), wrong, ("--help",)):
            done = slipway(*command, **{**shop.env, **env})
            assert "\x1b[3" not in done.stdout + done.stderr, (command, env)
    assert "\x1b[31m" in slipway(*wrong, **shop.env, FORCE_COLOR="1", NO_COLOR="").stderr


def test_a_reader_that_has_enough_hears_nothing_more(shop: SimpleNamespace) -> None:
    shop.gitops.commit({f"c{n:04}.yaml": f"image: sha256:{'0' * 64}\n" for n in range(1000)})
    for command in ("status --json", "status", "migrations explain"):
        argv = f"{sys.executable} -m deployments {command} | head -1"
        env = {**os.environ, **shop.env, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(["sh", "-c", argv], capture_output=True, text=True, check=False, env=env)
        assert (len(done.stdout.splitlines()), done.stderr) == (1, ""), command


def test_a_full_standard_output_is_said(shop: SimpleNamespace) -> None:
    env = {**os.environ, **shop.env, "PYTHONPATH": str(ROOT)}
    with Path("/dev/full").open("w") as full:
        argv = [sys.executable, "-m", "deployments", "config", "schema"]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=env)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "No space left on device")
