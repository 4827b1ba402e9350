"""Everything printed in README and guide is executed: books, Python blocks in order, command lines."""

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
GUIDE = ROOT / "notebooks" / "guide"
PAGES = {path.stem: path for path in [ROOT / "README.md", *sorted(GUIDE.glob("[a-z]*.md"))]}
TEXT = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
README = TEXT["README"]
# What the output of a page has to say: figures that its text promises.
SAYS = {
    "README": ("-2.1", "-2.00", "certified"),
    "books": ("33", "-3.33"),
    "reading": ("[-3.  5.]", "ccxt's unified positions", "7", "BTC", "6340"),
    "isolated_margin": ("3.6842", "certified"),
    "cross_margin": ("-2.7598", "-7.24018", "320.7", "2212.64", "2196.60"),
    "laws": ("certified",),
    "risk_measures": ("-3.499", "-4.118", "-5.881", "-6.500", "False"),
    "your_own_objective": ("Concentration",),
    "constraints": ("desk", "proved by its multipliers", "optimal for every law (Thm 1)", "[0.5"),
    "rules_on_trial": ("a0", "-10", "last_first"),
    "where_do_i_stand": ("20", "80", "0.1", "Identification(bitmex", "400.0"),
    "from_a_shock": ("50", "75", "165", "2"),
    "real_events": ("realized", "gross_water_filling"),
    "scale": ("certified by separable",),
    "sweeps": ("2,317.8", "4.70043"),
    "certificates": ("2,212.6459", "0.52"),
    "command_line": (),
}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT[page], flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "book.csv").write_text(blocks("books", "csv")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run_in_order(page, folder, capsys):
    space: dict = {}
    for block in blocks(page, "python"):
        exec(compile(block, f"{page}.md", "exec"), space)
    out = capsys.readouterr().out
    assert all(words in out for words in SAYS[page]), out
    assert space or page == "command_line"


def test_the_pages_book_is_the_papers(folder):
    own, papers = adl.Book.read("book.csv").to_frame(), adl.examples.paper().book.to_frame()
    columns = ["account", "asset", "position", "price", "equity"]
    own, papers = (book[columns].sort_values(columns[:2], ignore_index=True) for book in (own, papers))
    assert own.astype(str).equals(papers.astype(str))


COMMANDS = [
    line
    for page in PAGES
    for block in blocks(page, "bash")
    for line in block.splitlines()
    if line.startswith("adl-opt")
]


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
        ("read book.csv", "4 with 8 positions"),
        ("lights book.csv", "4 of 4"),
        ("axioms bitmex", "support.bitmex.com"),
        ("stress book.csv", "missing 7"),
        ("replay --twin", "realized"),
    )
    said += (("made.parquet", "certified by separable"), ("", "2,212.6"))
    wanted = next(words for key, words in said if key in line)
    assert wanted in capsys.readouterr().out or line.split()[1] in ("verify", "models")


def test_the_readme_is_one_screen_and_the_pages_can_be_read_beside_code():
    """README: at most 150 lines, no paragraph over five; pages: 110 columns, but for tables, commands."""
    assert len(README.splitlines()) <= 150
    for name, text in TEXT.items():
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for paragraph in re.split(r"\n\s*\n|\n(?=- )", prose):
            assert paragraph.strip().count("\n") < 5 or paragraph[0] in "|[" or name != "README", paragraph
        lines = [
            line
            for line in text.splitlines()
            if not line.startswith(("adl-opt", "|", "![")) or name == "README"
        ]
        assert not [line for line in lines if len(line) > 110], name


def test_the_two_commands_are_targets_of_the_makefile():
    targets = [
        line.split()[1]
        for block in blocks("README", "bash")
        for line in block.splitlines()
        if line.startswith("make")
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
        "docs",
        "fuzz",
    ]:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_every_model_is_in_the_table_and_every_link_exists():
    for name in catalog.names():
        assert f"models/{name}.py" in README
    for name, path in PAGES.items():
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|^\[\d+\]: (\S+)", TEXT[name], flags=re.MULTILINE):
            assert (path.parent / "".join(link)).exists(), link
    assert set(PAGES) - {"README"} == set(re.findall(r"\]\((\w+)\.md\)", (GUIDE / "README.md").read_text()))


def test_the_public_names_are_documented():
    for name in adl.__all__:
        thing = getattr(adl, name)
        assert getattr(thing, "__doc__", None), f"{name} has no docstring"


def test_the_table_of_promises_is_what_the_search_finds():
    """The guide's table is that of test_axioms, which runs the search."""
    lines = TEXT["rules_on_trial"].splitlines()
    top = next(k for k, line in enumerate(lines) if line.startswith("| | `water_filling`"))
    names = re.findall(r"`(\w+)`", lines[top])
    rows = lines[top + 2 : top + 1 + len(AXES)]
    cells = {
        name: "".join("y" if row.split("|")[2 + j].strip() == "yes" else "n" for row in rows)
        for j, name in enumerate(names)
    }
    assert cells == {name: row[:-1] for name, row in TABLE.items()}
    assert [row.split("|")[1].strip() for row in rows] == [axiom.name for axiom in promises.AXIOMS][:-1]
