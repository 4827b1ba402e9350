"""What a terminal shows: nothing wider than it, no word broken, no number cut; and a bar while one waits."""

import os
import pty
import re
import shlex
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
import typer

import adl_opt as adl
from adl_opt import progress
from adl_opt.cli import app as cli
from adl_opt.cli.figures import proved, share
from adl_opt.cli.output import console, folded
from adl_opt.cli.tables import Sheet
from adl_opt.verification import catalog
from tests.books import ROOT

LAW = "--volatility all=0.7 --correlation 0.85 --horizon 10/365"
LINES = (
    "models",
    "models queue",
    "verify pro_rata",
    f"solve paper.parquet --short BTC=10 {LAW} --quadrature 8 --explain A",
    "solve broke.csv --short X=6 --solvent",
    f"range paper.parquet --short BTC=10 {LAW} --quadrature 8 --model cvar --set level=0.99",
    f"compare paper.parquet --short BTC=10 {LAW} --quadrature 8",
    "axioms bitmex",
    "stress paper.parquet --move BTC=0.2 --move ETH=-0.1 --fund 1000",
    "replay --twin --scale 0.3%",
    f"replay --twin --scale 0.3% --isolated --policy water_filling {LAW} --law gaussian",
    "generate made.parquet --accounts 50 --force",
    "twin made.csv --scale 0.3% --force",
)
WIDE = 1000  # columns in which nothing folds


@pytest.fixture
def shown(run, monkeypatch):
    """What a command says on a terminal of so many columns."""

    def call(line: str, width: int) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(console, "_width", width)
        code, out, err = run(*shlex.split(line))
        assert code == 0 and not err
        return out

    return call


def words(text: str) -> set[str]:
    """The words of a text, but for rules and what joins lines of a command."""
    return {word for word in text.split() if set(word) - set("─\\")}


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(line.split()[:2]))
def test_nothing_is_wider_than_the_terminal_and_no_word_is_broken(line, shown):
    whole = words(shown(line, WIDE))
    for width in (60, 80, 120, 200):
        out = shown(line, width)
        assert max(map(len, out.splitlines())) <= width
        assert words(out) - {"..."} <= whole  # a broken word is none of those
        assert line == "models" or words(out) == whole  # nothing is cut


def test_models_fit_a_screen(shown):
    lines = shown("models", 80).splitlines()
    assert len(lines) <= 40 and [line.split()[0] for line in lines[:-2]] == catalog.names()
    assert "..." not in "".join(lines)  # titles of ours fit
    assert any(line.endswith(" ...") for line in shown("models", 60).splitlines())


@pytest.mark.parametrize("name", catalog.names())
def test_all_of_a_model_is_shown(name, shown):
    out, model = " ".join(shown(f"models {name}", 120).split()), adl.load(name)
    for said in (model.title, model.source, str(model.objective), *(one.name for one in model.claims)):
        assert " ".join(said.split()) in out
    assert all(f"{n:,}" in out for n in model.sizes) and f"{name}.py" in out


def test_parameters_are_shown_with_their_defaults(shown, run):
    assert "level = 0.95 (--set changes them)" in shown("models cvar", 80)
    code, _, err = run("models", "cvra")
    assert code == 2 and err == "adl-opt: there is no model 'cvra'; did you mean 'cvar'?\n"


def test_a_table_too_wide_is_shown_row_by_row(monkeypatch, capsys):
    table = Sheet("title", "name", "first value", "second value", left=("name",))
    table.add_row("an account", "1,234,567.891", "0.000123")
    for width, lines in ((60, 5), (34, 7), (28, 5)):
        monkeypatch.setattr(console, "_width", width)
        console.print(table)
        out = capsys.readouterr().out
        assert "1,234,567.891" in out and max(map(len, out.splitlines())) <= width
        assert len(out.splitlines()) == lines
    assert [line.split()[-1] for line in out.splitlines()[2:]] == ["account", "1,234,567.891", "0.000123"]


@pytest.mark.parametrize("width", [None, 60, 80])
def test_a_folded_command_is_the_same_command(width):
    given = ["adl-opt", "solve", "after shock.csv", *("--short", "BTC=10.0") * 5, "-o", "a b.csv"]
    text = folded("", given, width)
    assert shlex.split(text.replace("\\\n", "")) == given
    assert max(map(len, text.splitlines())) <= (width or 200) and ("\\" in text) == bool(width)


def test_digits_that_are_proved():
    event = adl.load("cross_margin").event(4, 0)
    law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(20)
    best = adl.Problem(adl.ExpectedLoss(), event, law).solve().certificate
    assert proved(best.value, best) == "2,212.645998"
    for apart, said in ((1e-4, "2,212.646"), (1e-3, "2,212.65"), (1e-8, "2,212.645998")):
        loose = replace(best, bound=best.value - apart)
        assert proved(loose.value, loose) == said
    nothing = replace(best, value=1e-17, bound=0.0, rounding=1e-16)
    assert proved(nothing.value, nothing) == "0"
    open_ = adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event))
    assert proved(open_.value, open_) == "4,611.283"
    assert (share(1e-17), share(0.0), share(3.4e-9), share(None)) == ("0", "0", "3.4e-09", "none")


COMMANDS = typer.main.get_group(cli.app).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_a_screen_in_which_every_option_stands(name, shown):
    for width in (60, 80, 200):
        out = shown(f"{name} --help", width)
        assert max(map(len, out.splitlines())) <= width
        if width >= 80:
            assert len(out.splitlines()) <= 50
        said = words(out.replace(",", " "))
        assert all(option in said for one in COMMANDS[name].params for option in one.opts if "-" in option)
        assert "Example:" in out and "..." not in out.replace("[MODEL]...", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_help_runs(name, shown):
    book = pd.read_parquet("paper.parquet")
    book.to_csv("book.csv", index=False)
    done = book["position"].where(book["position"] < 0, 0.0) / 2
    book.assign(entry_price=1.1 * book["price"], realized_closed=done).to_csv("positions.csv", index=False)
    out = shown(f"{name} --help", 80)
    example = out.partition("Example:\n")[2].replace("\\\n", "")
    assert shlex.split(example)[:2] == ["adl-opt", name]
    assert shown(" ".join(shlex.split(example)[1:]), 80)


def test_the_list_of_commands_is_whole(shown):
    assert "..." not in shown("--help", 80).replace("[ARGS]...", "")


SLOW = (
    "import sys, time; from adl_opt import cli; from adl_opt.cli import parsing; read = parsing.Book.read; "
    "parsing.Book.read = lambda path: (time.sleep(2.5), read(path))[1]; "
    "sys.argv = ['adl-opt', 'solve', 'book.csv', '--short', 'X=6']; cli.main()"
)
TEXT = "account,asset,position,price,equity\na,X,-10,1,1\nb,X,-10,1,2\n"


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals of POSIX")
def test_a_slow_command_shows_a_bar_on_a_terminal_alone(tmp_path):
    (tmp_path / "book.csv").write_text(TEXT, encoding="utf-8")
    places = {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80"}
    options = {"cwd": tmp_path, "env": {**os.environ, **places}, "stdout": subprocess.PIPE}
    piped = subprocess.run([sys.executable, "-c", SLOW], stderr=subprocess.PIPE, check=False, **options)
    assert (piped.returncode, piped.stderr) == (0, b"")
    seen, terminal = pty.openpty()
    done = subprocess.run([sys.executable, "-c", SLOW], stderr=terminal, check=False, **options)
    os.close(terminal)
    said = _all_of(seen)
    assert (done.returncode, done.stdout) == (0, piped.stdout)
    assert "reading book.csv" in said and "━" in said
    after = said.rsplit("\x1b[2K", 1)[1]  # the line is erased, nothing is left on it, the cursor is back
    assert "━" not in after and re.fullmatch(r"[\r\n]*\x1b\[\?25h[\r\n]*", after)


def _all_of(descriptor: int) -> str:
    parts = []
    try:
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:  # Linux's way of saying that the other end is closed
        pass
    os.close(descriptor)
    return b"".join(parts).decode()


def paper() -> adl.Problem:
    law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(8)
    return adl.Problem(adl.CVaR(0.99), adl.load("cross_margin").event(4, 0), law)


def stressed() -> pd.DataFrame:
    table = pd.DataFrame({"account": list("abc"), "asset": "X", "position": [4.0, -3.0, -1.0]})
    book = adl.Book.from_frame(table.assign(price=1.0, equity=[1.0, 9.0, 9.0]))
    return adl.stress_path(book, pd.DataFrame({"X": [-0.5, 0.1]}), progress=True)


WAITED = {
    "4 accounts": lambda: paper().solve(progress=True),
    "requirements": lambda: paper().sweep(short={"BTC": [1, 2]}, progress=True),
    "what else is optimal": lambda: adl.optimal_range(paper(), progress=True),
    "the optimum of": lambda: adl.compare(paper().event, paper().law, progress=True),
    "checking pro_rata": lambda: adl.verify(adl.load("pro_rata"), progress=True),
    "looking for counterexamples": lambda: adl.axioms.check("pro_rata", books=4, progress=True),
    "replaying waves": lambda: adl.replay(adl.examples.twin(1, 0.003), ["pro_rata"]),
    "the path under": stressed,
}


@pytest.mark.parametrize("what", WAITED)
def test_python_shows_the_bar_that_it_is_asked_for(what, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    WAITED[what]()
    assert capsys.readouterr() == ("", "")  # nobody looks
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes any file for a terminal
    monkeypatch.setattr(progress, "_seen", lambda: True)
    WAITED[what]()
    out, err = capsys.readouterr()
    assert not out and what in err and progress.DISPLAY.progress is None


def test_one_display_whatever_waits_inside(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(progress, "_seen", lambda: True)
    with pytest.raises(ZeroDivisionError), progress.waiting("outside"):
        with progress.counted("ab", "inside", name=str.upper) as letters:
            assert list(letters) == ["a", "b"]
        with progress.falling("gap", 1e-6) as watch:
            assert watch is not None
            watch(1, 1.0)
        raise ZeroDivisionError
    assert progress.DISPLAY.lines == 0 and "outside" in capsys.readouterr().err
    with progress.falling("gap", 1e-6) as watch:
        assert watch is None  # no bar shows, so none is added
