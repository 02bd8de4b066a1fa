"""Words for the Tab key."""

import subprocess
import sys

import pytest

from mu.__main__ import VERBS, main
from mu.errors import UsageError
from mu.verbs.completion import command, completions


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("mu ", set(VERBS)),
        ("mu run quick", {"quickstart"}),
        ("mu run quickstart me", {"methods=", "method="}),
        ("mu run quickstart methods=ss", {"methods=ssd"}),
        ("mu run quickstart methods=iau,ss", {"methods=iau,ssd"}),
        ("mu plan quickstart model=lenet", {"model=lenet5"}),
        ("mu list meth", {"methods"}),
        ("mu explain ss", {"ssd"}),
        ("mu audit da", {"data="}),
        ("mu audit data=orl", {"data=orl_faces"}),
        ("mu audit forget=cla", {"forget=class"}),
        ("mu completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_what_a_word_may_become(line, some):
    found = completions(line)
    assert some <= set(found)
    assert all(word.startswith(line.rpartition(" ")[2]) for word in found)


@pytest.mark.parametrize(
    "line", ["mu store ", "mu audit net=new", "mu run quickstart seeds=", "mu run x out=res"]
)
def test_what_nobody_knows(line):
    assert completions(line) == []


def test_a_script_of_each_shell(capsys):
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell]) == 0
        assert "mu completion words" in capsys.readouterr().out
    with pytest.raises(UsageError, match="unknown shell 'powershell'; there are: bash, zsh, fish"):
        command(["powershell"])


def test_bash_completes_a_line(tmp_path):
    (tmp_path / "mu").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mu "$@"\n')
    (tmp_path / "mu").chmod(0o755)
    script = (
        f'PATH="{tmp_path}:$PATH"; eval "$(mu completion bash)"\n'
        'COMP_LINE="mu run quickst"; COMP_POINT=${#COMP_LINE}; _mu; echo "${COMPREPLY[@]}"\n'
        'COMP_LINE="mu run quickstart methods=neggr"; COMP_POINT=${#COMP_LINE}; _mu\n'
        'echo "${COMPREPLY[@]}"\n'
    )
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["quickstart", "neggrad_plus"], found.stderr


def test_no_library_is_waited_for():
    code = (
        "import sys; from mu.verbs.completion import completions; completions('mu run q m'); "
        "print([name for name in ('torch', 'hydra', 'omegaconf') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
