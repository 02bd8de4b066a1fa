"""Where nothing can be written or no name is short enough: one line, exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

LONG = "n" * 300


@pytest.mark.parametrize("words", [["--help"], ["list", "methods"], ["explain", "ua"]])
def test_an_output_that_is_full_is_one_line(words):
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "mu", *words], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert found.returncode == 2
    assert found.stderr == "mu: a file, or the output: No space left on device\n"


def test_a_reader_that_leaves_is_no_failure():
    writing = [sys.executable, "-m", "mu", "list", "metrics"]
    with subprocess.Popen(writing, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_terminal_without_columns_gets_the_usual_table(mu, tiny_words):
    found = mu("run", *tiny_words, COLUMNS=0)
    assert found.code == 0, found.err
    assert max(map(len, found.out.splitlines())) > 60


@pytest.mark.parametrize(
    "words",
    [
        ["run", LONG],
        ["run", "quickstart", f"data={LONG}"],
        ["run", "quickstart", f"methods={LONG}"],
        ["run", "quickstart", f"requests={LONG}"],
        ["run", "quickstart", f"requests=/{LONG}"],
        ["plan", LONG],
        ["report", LONG],
        ["weights", LONG, "ssd", "a.safetensors"],
        ["reproduce", LONG],
        ["explain", LONG],
        ["store", "import", LONG],
        ["track", LONG, "--resend"],
        ["audit", "data=digits", "model=digits_cnn", f"net={LONG}", "forget=class_3"],
        ["data", "ids", LONG],
        [LONG],
    ],
    ids=lambda words: " ".join(words).replace(LONG, "LONG"),
)
def test_a_name_of_300_letters_is_one_line(mu, words):
    found = mu(*words)
    assert found.code == 2, found.out + found.err
    assert found.err.startswith("mu: ")
    assert found.err.count("\n") == 1


def test_folders_of_300_letters_are_one_line(mu, tiny_words, tmp_path):
    for places in ({"out": tmp_path / LONG}, {"store": tmp_path / LONG}):
        found = mu("run", *tiny_words, **places)
        assert found.code == 2
        assert found.err.startswith("mu: ")
        assert "ame too long" in found.err
        assert found.err.count("\n") == 1


def test_a_request_whose_file_could_not_be_named_is_refused_at_the_start(mu, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "blocks:\n  - {data: digits, model: small_cnn, recipe: digits, seeds: 1, oracles: 1,\n"
        f"     methods: [ssd], requests: {{{LONG}: {{request: class, label: 3}}}}}}\n"
    )
    found = mu("run", str(tmp_path / "mine.yaml"))
    assert found.code == 2
    assert "has 300 letters" in found.err
    assert found.err.count("\n") == 1
