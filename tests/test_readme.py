"""Everything printed in the README is executed: its book, its Python blocks in order, its command lines."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import adl_opt as adl
from adl_opt.cli import app as cli
from adl_opt.studies.axioms import catalogue as promises
from adl_opt.verification import catalog
from tests.studies.test_axioms import AXES, TABLE

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "book.csv").write_text(blocks("csv")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_blocks_run_in_order(folder, capsys):
    space: dict = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), space)
    out = capsys.readouterr().out
    assert "302.1" in out and "certified" in out
    assert (folder / "a.json").is_file() and (folder / "a.png").is_file()


def test_the_readmes_book_is_the_papers():
    text = blocks("csv")[0]
    assert {tuple(line.split(",")[:2]) for line in text.splitlines()[1:]} == {
        (a, k) for a in "ABCD" for k in ("BTC", "ETH")
    }


COMMANDS = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("adl-opt")]


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.split()[:2]))
def test_commands_run(line, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    if "solve made" in line:  # what the line before it writes
        adl.examples.book(20_000).to_frame().to_parquet("made.parquet")
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    said = (
        ("level=0.99", "CVaR(level=0.99)"),
        ("--dof 4", "3,801.469"),
        ("--explain", "320.7051"),
        ("generate", "20,000 accounts"),
        ("axioms bitmex", "support.bitmex.com"),
        ("stress book.csv", "missing 7"),
        ("replay --twin", "realized"),
    )
    said += (("made.parquet", "certified by separable"), ("", "2,212.6"))
    wanted = next(words for key, words in said if key in line)
    assert wanted in capsys.readouterr().out or line.split()[1] in ("verify", "models")


def test_the_two_commands_are_targets_of_the_makefile():
    targets = [
        line.split()[1] for block in blocks("bash") for line in block.splitlines() if line.startswith("make")
    ]
    assert targets == ["demo", "test"]
    for target in [
        *targets,
        "test-oldest",
        "test-newest",
        "constraints",
        "lint",
        "bench",
        "notebooks",
        "fuzz",
    ]:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_every_model_is_in_the_table_and_every_link_exists():
    for name in catalog.names():
        assert f"models/{name}.py" in README
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_public_names_are_documented():
    for name in adl.__all__:
        thing = getattr(adl, name)
        assert getattr(thing, "__doc__", None), f"{name} has no docstring"


def test_the_table_of_promises_is_what_the_search_finds():
    """The README's table is that of test_axioms, which runs the search."""
    lines = README.splitlines()
    top = next(k for k, line in enumerate(lines) if line.startswith("| | `water_filling`"))
    names = re.findall(r"`(\w+)`", lines[top])
    rows = lines[top + 2 : top + 1 + len(AXES)]
    cells = {
        name: "".join("y" if row.split("|")[2 + j].strip() == "yes" else "n" for row in rows)
        for j, name in enumerate(names)
    }
    assert cells == {name: row[:-1] for name, row in TABLE.items()}
    assert [row.split("|")[1].strip() for row in rows] == [axiom.name for axiom in promises.AXIOMS][:-1]
