"""The Tab key in real shells; a shell that is not installed is skipped."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time

import pytest

READY = "ready> "
STARTS = {
    "bash": """\
PS1="{ready}"
eval "$(mu completion bash)"
tell() {{ printf '%s' "$READLINE_LINE" > typed.part; mv typed.part typed; }}
bind -x '"\\C-xd": tell'
""",
    "zsh": """\
PS1="{ready}"
autoload -Uz compinit; compinit -D -u
eval "$(mu completion zsh)"
tell() {{ printf '%s' "$BUFFER" > typed.part; mv typed.part typed; }}
zle -N tell; bindkey '^Xd' tell
""",
    "zsh, autoloaded": """\
PS1="{ready}"
mkdir functions; mu completion zsh > functions/_mu; fpath=($PWD/functions $fpath)
autoload -Uz compinit; compinit -D -u
tell() {{ printf '%s' "$BUFFER" > typed.part; mv typed.part typed; }}
zle -N tell; bindkey '^Xd' tell
""",
}
TYPED = {
    "mu pl": "mu plan ",
    "mu run quickst": "mu run quickstart ",
    "mu run expe": "mu run experiment=",
    "mu run quickstart methods=iau,neggr": "mu run quickstart methods=iau,neggrad_plus ",
    "mu run quickstart out=res": "mu run quickstart out=results/",
    "mu audit forget=cust": "mu audit forget=customer.txt ",
}


@pytest.fixture
def folder(tmp_path):
    """A folder to stand in, with things that could be named, and mu on the path."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "mu").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mu "$@"\n')
    (programs / "mu").chmod(0o755)
    here = tmp_path / "here"
    (here / "results").mkdir(parents=True)
    (here / "results" / "one").mkdir()
    (here / "customer.txt").touch()
    return here


def environment(folder):
    """That of the tests, without what a user has set for shells."""
    path = f"{folder.parent / 'programs'}:{os.environ['PATH']}"
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return {"PATH": path, "HOME": str(folder), "ZDOTDIR": str(folder), "TERM": "dumb"} | {
        "PYTHONPATH": source
    }


def needed(shell):
    """Skip where there is no such shell."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed, so its completion is not tried")


@pytest.mark.parametrize("start", STARTS)
def test_tab_in_a_terminal(start, folder):
    shell = start.partition(",")[0]
    needed(shell)
    (folder / (".zshrc" if shell == "zsh" else ".bashrc")).write_text(
        STARTS[start].format(ready=READY)
    )
    screen, terminal = pty.openpty()
    command = ["zsh", "-d", "-i"] if shell == "zsh" else ["bash", "--rcfile", ".bashrc", "-i"]
    process = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=folder,
        env=environment(folder),
        start_new_session=True,
    )
    os.close(terminal)
    try:
        shown_until(screen, READY)
        lines = list(TYPED)[: 1 if "autoloaded" in start else None]
        found = {line: typed(screen, folder, line) for line in lines}
    finally:
        process.kill()
        process.wait()
        os.close(screen)
    assert found == {line: TYPED[line] for line in lines}


def typed(screen, folder, line):
    """What stands on the line after Tab."""
    os.write(screen, f"{line}\t\x18d\x15".encode())  # Ctrl-X d tells it, Ctrl-U empties the line
    file = folder / "typed"
    shown = b""
    for _ in range(600):
        if file.exists():
            break
        shown += waiting(screen)
    else:
        pytest.fail(f"nothing came of {line!r}: {shown.decode(errors='replace')}")
    text = file.read_text()
    file.unlink()
    return text


def shown_until(screen, mark):
    shown = b""
    for _ in range(600):
        if mark.encode() in shown:
            return
        shown += waiting(screen)
    pytest.fail(f"no prompt: {shown.decode(errors='replace')}")


def waiting(screen):
    """What a terminal shows within a tenth of a second."""
    if select.select([screen], [], [], 0.1)[0]:
        return os.read(screen, 65536)
    time.sleep(0.01)
    return b""


def test_fish(folder):
    needed("fish")
    asked = "\n".join(f"complete -C '{line}'" for line in TYPED)
    found = subprocess.run(
        ["fish", "--no-config", "-c", f"mu completion fish | source\n{asked}"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(folder),
        timeout=60,
        check=True,
    )
    assert not found.stderr
    lines = [line.partition("\t")[0] for line in found.stdout.splitlines()]
    assert lines == [text.strip().rpartition(" ")[2] for text in TYPED.values()]
