"""Every option of every command: it is run, it reads numbers as people write them, and files are written
before anything is said.
"""

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import typer

import adl_opt as adl
from adl_opt.cli import app as cli
from adl_opt.cli import output, parsing
from adl_opt.cli.output import console
from tests.books import ROOT

CROSS = """account,asset,position,price,equity,realized_closed
a,BTC,-8,67000,242100,-4
a,ETH,-323,1900,242100,0
b,BTC,-10,67000,143000,-6
b,ETH,38.7,1900,143000,0
c,BTC,6,67000,90000,0
broke,BTC,-1,67000,-5,0
"""
LAW = "--volatility all=60% --correlation 85% --horizon 10/365"
CLOSE = "book.csv --solvent --short BTC=30%"
# Together they say every option of every command; what each writes is named after the arrow.
LINES = """
demo --plot d.png --force -> d.png
solve BOOK --long ETH=1 --protect a --cap 50% --model cvar --set level=95% --method conic \
    --prefer water-filling LAW --quadrature 3 --explain b -o s.csv --plot s.png --force -> s.csv s.png
solve BOOK --method auto --meant LAW --law student --dof 4 --sample 16 --seed 2 -o s.json -> s.json
solve BOOK --scenarios moves.csv --subject-to leverage=99 -o s.parquet -> s.parquet
range BOOK --long ETH=1 --protect a --cap 0.9 --model cvar --set level=0.9 LAW --law gaussian \
    --quadrature 3 -o r.csv --force -> r.csv
range BOOK --meant --scenarios moves.csv --subject-to turnover=90%
range BOOK LAW --law student --dof 4 --sample 8 --seed 3
compare BOOK --long ETH=1 --protect a --cap 90% --policy pro_rata --model cvar LAW --quadrature 3 \
    -o c.csv --plot c.png --force -> c.csv c.png
compare BOOK --meant --scenarios moves.csv --subject-to share:a,b=100%
compare BOOK LAW --law student --dof 4 --sample 8 --seed 3
compare book.csv --solvent --realized
generate g.csv --accounts 50 --assets 2 --legs 2 --seed 3 --force -> g.csv
axioms water_filling --seed 2 -o a.csv --force -> a.csv
stress book.csv --solvent --move BTC=-20% --move ETH=0.1 --fund 1e3 --meant -o t.csv --force -> t.csv
stress book.csv --move BTC=-20% --tiers tiers.csv --slippage 0.5% --fund-first --fund 10
stress book.csv LAW --law student --dof 4 --sample 8 --seed 3 --tiers tiers.csv \
    -o d.csv --plot d.png --force -> d.csv d.png
stress book.csv LAW --quadrature 3
stress book.csv --meant --scenarios moves.csv
read ccxt.csv --dialect ccxt
lights book.csv --solvent --policy leverage_queue --account a --reach -o l.csv --force -> l.csv
identify book.csv --solvent --policy leverage_queue -o i.csv --force -> i.csv
twin w.csv --scale 0.3% --seed 2 --force -> w.csv
replay --twin --scale 0.3% --isolated --policy pro_rata LAW --law gaussian --sample 8 \
    --seed 2 -o p.csv --plot p.png --force -> p.csv p.png
replay waves.csv --solvent --policy pro_rata
replay waves.csv --solvent --policy pro_rata --meant --scenarios moves.csv
replay waves.csv --solvent --policy pro_rata LAW --law student --dof 4 --sample 8 --seed 2
replay waves.csv --solvent --policy pro_rata LAW --quadrature 3
models
verify expected_loss
"""
RUN = [line.replace("BOOK", CLOSE).replace("LAW", LAW) for line in LINES.strip().splitlines()]
HYPER = "replay --hyperreplay --every"  # needs their file: test_replay.py runs it


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("book.csv").write_text(CROSS, encoding="utf-8")
    Path("tiers.csv").write_text("asset,notional_floor,rate\n*,0,0.004\n*,50000,5e-3\n", encoding="utf-8")
    Path("moves.csv").write_text("BTC,ETH,probability\n-0.1,-0.15,50e-2\n0.1,0.2,0.5\n", encoding="utf-8")
    ccxt = "account,symbol,side,contracts,contractSize,markPrice,collateral\n"
    Path("ccxt.csv").write_text(ccxt + "a,BTC/USDT:USDT,long,3,0.1,100,50\n", encoding="utf-8")
    waves = "wave,account,asset,position,equity,price,realized_closed\n"
    Path("waves.csv").write_text(
        waves + "1,a,BTC,-3,9,1,-1\n1,b,BTC,-4,8,1,-2\n1,c,BTC,-1,-4,1,-1\n", encoding="utf-8"
    )

    def call(line):
        monkeypatch.setattr(sys, "argv", ["adl-opt", *shlex.split(line)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    return call


@pytest.mark.parametrize("line", [line for line in RUN if "->" in line], ids=lambda line: line.split()[0])
def test_files_are_written_before_anything_is_said(line, run, monkeypatch):
    words, _, files = line.partition(" -> ")
    printed = console.print

    def watched(*things, **style):
        missing = [name for name in files.split() if not Path(name).is_file()]
        assert not missing, f"{things} is said before {missing} is written"
        printed(*things, **style)

    monkeypatch.setattr(console, "print", watched)
    code, out, err = run(words)
    assert (code, err) == (0, "")
    for name in files.split():
        assert name in " ".join(out.split()) and Path(name).stat().st_size > 50


@pytest.mark.parametrize("line", [line for line in RUN if "->" not in line], ids=lambda line: line.split()[0])
def test_the_other_options_run(line, run):
    code, out, err = run(line)
    assert (code, err) == (0, "") and out
    assert ("left out 1 of " in out) == ("--solvent" in line)


def test_every_option_of_every_command_is_run():
    commands = typer.main.get_group(cli.app).commands
    for name, command in commands.items():
        said = {word for line in [*RUN, HYPER] if line.split()[0] == name for word in line.split()}
        options = {
            max(one.opts, key=len): set(one.opts) for one in command.params if one.opts[0].startswith("-")
        }
        assert not [long for long, names in options.items() if not names & said], name
    assert set(commands) == {line.split()[0] for line in RUN}


@pytest.mark.parametrize(
    ("share", "number"),
    [
        (
            "solve BOOK --long ETH=1 LAW --law gaussian",
            f"solve {CLOSE} --long ETH=1 --volatility all=0.6 --correlation 0.85 --horizon 10/365 --law "
            "gaussian",
        ),
        (
            "solve BOOK --cap 50% --scenarios moves.csv --model cvar --set level=75%",
            f"solve {CLOSE} --cap 0.5 --scenarios moves.csv --model cvar --set level=0.75",
        ),
        ("stress book.csv --solvent --move BTC=-20%", "stress book.csv --solvent --move BTC=-0.2"),
        ("replay --twin --scale 0.3% --policy pro_rata", "replay --twin --scale 0.003 --policy pro_rata"),
    ],
)
def test_a_percent_is_the_fraction_that_it_is(run, share, number):
    code, out, err = run(share.replace("BOOK", CLOSE).replace("LAW", LAW))
    assert (code, err) == (0, "") and out == run(number)[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60%", 0.6),
        (" 60 %", 0.6),
        ("-15%", -0.15),
        ("7%", 0.07),
        ("0.1%", 0.001),
        ("1e1%", 0.1),
        ("0.6", 0.6),
        ("1/3", 1 / 3),
        ("1/2%", 0.005),
    ],
)
def test_a_fraction_is_read_to_the_last_bit(text, value):
    assert parsing.fraction(text, "it") == value


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "solve book.csv --short BTC=1,000",
            "'1,000' is not a number; write 1000, without thousands separators, or 1.000 if that comma",
        ),
        (
            "solve book.csv --short BTC=1,000,000.5",
            "'1,000,000.5' is not a number; write 1000000.5, without thousands separators\n",
        ),
        ('solve book.csv --short "BTC=1 000"', "write 1000, without thousands separators\n"),
        ("solve book.csv --short BTC=0,5", "'0,5' is not a number; write 0.5, with a decimal point"),
        (
            f"solve {CLOSE} --volatility all=0,6 --horizon 1",
            "'0,6' is not a number; write 0.6, with a decimal point",
        ),
        (f"solve {CLOSE} --volatility 60% --horizon 1", "write all=60%, or ASSET=60% for each"),
        ("solve book.csv --solvent --short btc=10", "no account holds 'btc'; did you mean 'BTC'?"),
        ("solve book.csv --solvent --long BCT=10", "no account holds 'BCT'; did you mean 'BTC'?"),
        (
            "stress book.csv --solvent --move btc=-10%",
            "the move names 'btc' that no account holds; did you mean 'BTC'?",
        ),
        ("stress book.csv --slippage 1%", "say at which margin accounts are liquidated: --tiers FILE\n"),
        ("stress book.csv --plot s.png", "--plot draws a stress over scenarios"),
        ("stress book.csv --move BTC=1% --scenarios moves.csv", "leave out one of them"),
        (
            "stress book.csv --solvent --move BTC=-0.1 --fund 10%",
            "--fund: '10%' is not a number; it is no share of anything",
        ),
        (
            f"solve {CLOSE} --volatility all=0.6 --correlation 0.5 --horizon 10%",
            "--horizon: '10%' is not a number",
        ),
        (
            f"solve {CLOSE} --volatility all=x% --correlation 0.5 --horizon 1",
            "--volatility all: 'x%' is not a number",
        ),
        (
            f"solve {CLOSE} --volatility all=0.6 --correlation high --horizon 1",
            "--correlation: 'high' is not a number",
        ),
        (f"solve {CLOSE} --volatility all=1{'0' * 400}/3 --correlation 0 --horizon 1", "is not a number"),
        (
            "compare book.csv --solvent --short BTC=1 --plot c.txt",
            "its ending must be one of .png, .pdf, .svg",
        ),
        ("demo --plot c.txt", "its ending must be one of .png, .pdf, .svg"),
    ],
    ids=lambda text: text[:60],
)
def test_what_is_not_meant_gets_a_sentence_that_helps(run, line, says):
    code, out, err = run(line)
    assert code == 2 and says in err and err.count("\n") == 1 and not out


def test_a_move_of_nothing_marks_the_book_where_it_stands(run):
    code, out, _ = run("stress book.csv --move BTC=0")
    assert code == 0 and "insolvent: 1 of 4 accounts" in out and run("stress book.csv")[1] == out
    code, out, _ = run("stress book.csv --solvent")
    assert code == 0 and "1 of 4 accounts are without positive equity" in out and "the insolvent hold" in out


def test_compare_says_what_it_drew_and_where(run):
    out = run(f"compare {CLOSE} {LAW} --quadrature 3 --plot c.png -o c.csv")[1]
    assert (
        "wrote c.csv" in out
        and "drew c.png: what each policy exceeds the proved optimum by, and who bears it" in out
    )


def test_names_with_brackets_are_shown_as_they_are(run):
    frame = pd.read_csv("book.csv").replace(
        {"account": {"a": "[red]a", "b": "b[/x]"}, "asset": {"ETH": "ETH[bold]"}}
    )
    frame.to_csv("book.csv", index=False)
    for command in ("solve", "range"):
        code, out, _ = run(f"{command} {CLOSE} {LAW} --quadrature 3")
        assert code == 0 and "b[/x]" in out and "[red]a" in out, command


def help_of(name: str) -> dict[str, str]:
    command = typer.main.get_group(cli.app).commands[name]
    return {max(one.opts, key=len): one.help or "" for one in command.params if one.opts[0].startswith("-")}


def test_helps_say_what_options_do():
    assert (
        help_of("generate")["--seed"] == "of the random book"
        and help_of("axioms")["--seed"] == "of the random books"
    )
    assert (
        help_of("twin")["--seed"] == "of the twin"
        and help_of("replay")["--seed"] == "of the twin and of --sample"
    )
    for name in ("solve", "range", "compare"):
        assert help_of(name)["--seed"] == "of --sample"
        assert help_of(name)["--short"].startswith("contracts of shorts: 10, 35%, all")
    assert "LeverageSquare" in help_of("compare")["--model"] and "exceed" in help_of("compare")["--plot"]
    for name in typer.main.get_group(cli.app).commands:
        assert all(help_of(name).values()), name


def test_the_same_seed_writes_the_same_and_another_seed_another(run):
    for command, more in (("generate", "--accounts 20"), ("twin", "--scale 0.3%")):
        written = []
        for k, seed in enumerate((1, 1, 2)):
            assert run(f"{command} {command}{k}.csv {more} --seed {seed}")[0] == 0
            written.append(Path(f"{command}{k}.csv").read_bytes())
        assert written[0] == written[1] != written[2]


@pytest.mark.parametrize(
    "status, code", [("certified", 0), ("negligible", 0), ("uncertified", 1), ("infeasible", 1)]
)
def test_exit_codes_of_statuses(status, code):
    event = adl.Event(adl.examples.book(20, 1, 1), short={"C0": "30%"})
    certificate = adl.water_filling(event).certificate
    assert output.exit_code(replace(certificate, status=status)) == code


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "no_such_backend", "svg"])
def test_a_backend_that_is_not_installed_breaks_nothing(tmp_path, backend):
    """MPLBACKEND as a Jupyter kernel hands it to the shells that it starts; what is installed stays as it was
    named.
    """
    environment = {**os.environ, "MPLBACKEND": backend, "PYTHONPATH": str(ROOT)}
    code = (
        "import sys; sys.argv = ['adl-opt', 'demo', '--plot', 'd.png']; from adl_opt import cli\n"
        "try: cli.main()\n"
        "finally: import matplotlib as m, os; print(os.environ['MPLBACKEND'], "
        "m.rcParams._get_backend_or_none())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr and (tmp_path / "d.png").stat().st_size > 5_000
    assert done.stdout.splitlines()[-1] == f"{backend} {'svg' if backend == 'svg' else None}"
