"""The command line under a pipe: what reads it may leave at any line, and nothing that was to be done is
lost.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adl_opt.cli import pipes
from tests.books import ROOT

ISOLATED = "account,asset,position,price,equity\na,X,-10,1,1\nb,X,-10,1,2\nc,X,4,1,5\n"
SOLVE = ("solve", "book.csv", "--short", "X=6", "-o", "out.csv", "--plot", "out.png")
UNPROVED = (
    "import sys, adl_opt as adl; from adl_opt import cli; from adl_opt.problem import problem; "
    "problem.Problem.solve = lambda self, **_: adl.pro_rata(self.event); sys.argv = ['adl-opt', "
    "*sys.argv[1:]]; cli.main()"
)
COMMAND = ("-m", "adl_opt")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "book.csv").write_text(ISOLATED, encoding="utf-8")
    return tmp_path


def unread(folder: Path, *words: str, python=COMMAND, streams=("stdout",)) -> tuple[int, str]:
    """(exit code, what stderr says) of a command whose streams lead into pipes that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE} | dict.fromkeys(streams, writer)
    done = subprocess.run(
        [sys.executable, *python, *words],
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        check=False,
        timeout=300,
        **said,
    )
    os.close(writer)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize("python", [COMMAND, ("-u", *COMMAND)], ids=["buffered", "unbuffered"])
def test_a_closed_pipe_changes_neither_files_nor_the_exit_code(folder, python):
    assert unread(folder, *SOLVE, python=python) == (0, "")
    assert (folder / "out.csv").stat().st_size > 100 and (folder / "out.png").stat().st_size > 5_000
    assert (folder / "out.csv").read_text(encoding="utf-8").startswith("account,asset,position,closed")


def test_what_is_not_proved_is_exit_1_under_a_closed_pipe_too(folder):
    assert unread(folder, *SOLVE, python=("-c", UNPROVED)) == (1, "")
    assert (folder / "out.csv").is_file()


@pytest.mark.parametrize(
    "words", [("--help",), ("solve", "--help"), ("--version",), ("models",)], ids=" ".join
)
def test_what_only_prints_ends_quietly(folder, words):
    assert unread(folder, *words) == (0, "")


@pytest.mark.parametrize("words", [("solve", "none.csv", "--short", "X=6"), ("solve",)], ids=" ".join)
def test_bad_input_is_exit_2_though_nobody_reads_why(folder, words):
    assert unread(folder, *words, streams=("stdout", "stderr")) == (2, "")


def test_a_reader_that_leaves_after_a_line_has_that_line(folder):
    command = [sys.executable, *COMMAND, *SOLVE]
    with subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        first = running.stdout.readline()
        assert (folder / "out.csv").is_file() and (folder / "out.png").is_file()  # before the first line
        running.stdout.close()
        assert (running.wait(300), running.stderr.read()) == (0, "")
    assert first.startswith("close 6 of X (shorts) contracts")


@pytest.mark.skipif(os.name != "posix", reason="says how a POSIX shell closes a stream")
def test_a_stream_that_was_never_open(folder):
    line = f'"{sys.executable}" -m adl_opt solve book.csv --short X=6 -o out.csv >&-'
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "") and (folder / "out.csv").is_file()


def test_streams_come_back_as_they_were(monkeypatch, capfd):
    before = sys.stdout
    monkeypatch.setattr(sys, "stderr", None)
    with pipes.outlived():
        print("said", file=sys.stderr)
        print("heard", end="")
    assert sys.stderr is None and sys.stdout is before and capfd.readouterr().out == "heard"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said(folder):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, *COMMAND, "models"],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2 and "No space left" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_is_exit_130_and_no_traceback(folder):
    slow = (
        "import signal, time, sys; from adl_opt import cli; from adl_opt.cli import parsing; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # a job in the background ignores it
        "parsing.Book.read = lambda path: (print('reading', file=sys.stderr, flush=True), time.sleep(60)); "
        "sys.argv = ['adl-opt', 'solve', 'book.csv', '--short', 'X=6']; cli.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", slow], cwd=folder, env=ENVIRONMENT, text=True, stderr=subprocess.PIPE
    ) as running:
        assert running.stderr is not None and running.stderr.readline() == "reading\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130 and "Traceback" not in running.stderr.read()
