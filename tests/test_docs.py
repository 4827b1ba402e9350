"""`make docs`: the site is whole, reads offline, explains every public name, and says what stops it."""

import re
import shutil
from html import unescape
from pathlib import Path

import pytest

import adl_opt as adl
from adl_opt.cli.app import COMMANDS
from notebooks.website import __main__ as command
from notebooks.website.build import build
from notebooks.website.check import faults
from notebooks.website.docstrings import first_sentence, prose
from notebooks.website.markdown import mathematics, reader
from notebooks.website.pages import Links, Page, SiteError, address

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    assert command.main([str(folder)]) == 0
    return folder


def read(site, path):
    return (site / path).read_text(encoding="utf-8")


def test_links_and_anchors_resolve_and_nothing_is_loaded_from_elsewhere(site):
    assert faults(site) == []
    styles = read(site, "style.css") + read(site, "search.js")
    assert "http" not in styles and "@import" not in styles and "url(" not in styles


def test_what_the_check_finds(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html">b</a> <a href="#x">x</a> <i id="y"></i><a href="a.html#y">y</a><img src="c.png">'
        '<script src="https://cdn.example/x.js"></script><link href="//fonts.example/x.css">'
        '<a href="https://arxiv.org">fine</a>',
        encoding="utf-8",
    )
    assert faults(tmp_path) == [
        "a.html loads https://cdn.example/x.js from outside",
        "a.html loads //fonts.example/x.css from outside",
        "a.html links to b.html, which is not there",
        "a.html links to #x, an anchor that is not there",
        "a.html links to c.png, which is not there",
    ]


def test_every_public_name_is_a_click_from_the_index(site):
    index = read(site, "reference/index.html")
    for name in [*adl.__all__, "plots"]:
        link = re.search(rf'href="(\w+\.html)#{name}"', index)
        assert link, name
        entry = read(site, f"reference/{link[1]}").split(f'<h2 id="{name}"', 1)[1].split("<h2", 1)[0]
        said = " ".join(unescape(re.sub(r"<[^>]+>", "", entry)).split())
        words = getattr(adl, name).__doc__.replace("`", "").split()[:4]
        assert " ".join(words) in said, name
        assert "Defined in " in entry
        assert isinstance(getattr(adl, name), type(adl)) or '<div class="code python">' in entry, name


def test_signatures_are_as_written_and_their_types_are_links(site):
    page = re.sub(r"<[^>]+>", "", read(site, "reference/problem.html"))
    assert "adl.Problem(\n    objective: Objective,\n    event: Event,\n    law: Law | None = None," in page
    assert 'href="data.html#Event">Event</a>' in read(site, "reference/problem.html")
    long = re.sub(r"<[^>]+>", "", read(site, "reference/laws.html"))
    assert "    *,\n    meant: bool = False,\n)" in long or "*, meant: bool = False)" in long


def test_every_formula_is_mathematics(site):
    source = (ROOT / "models" / "THEORY.md").read_text(encoding="utf-8")
    text = re.sub(r"`[^`]*`", "", re.sub(r"```math\n.*?```", "", source, flags=re.DOTALL))
    inline, display = len(re.findall(r"\$[^$]+\$", text)), source.count("```math")
    page = read(site, address("models/THEORY.md"))
    assert page.count('display="inline"') == inline > 500 and page.count('display="block"') == display > 10
    assert "$" not in re.sub(r"<code>.*?</code>", "", page)
    for notebook in (ROOT / "notebooks" / "rendered").glob("*.ipynb"):
        shown = read(site, f"notebooks/rendered/{notebook.stem}.html")
        assert "$" not in re.sub(r'<(div class="code|code).*?</(div|code)>', "", shown, flags=re.DOTALL)


@pytest.mark.parametrize("formula", [r"\frob x", r"\left( x", "x_y_z", r"\mathfrak g", "{"])
def test_a_formula_that_cannot_be_shown_is_an_error(formula):
    with pytest.raises(SiteError, match="the formula ") as caught:
        mathematics(formula, "inline")
    assert "\n" not in str(caught.value)


def test_braces_letters_and_primes():
    assert "\\" not in mathematics(r"\big\lbrace x\big\rbrace", "inline")
    assert "ℝ" in mathematics(r"\mathbb R^d", "inline").replace("&#x0211D;", "ℝ")
    assert "<mn>𝟏</mn>" in mathematics(r"\mathbf 1_{u>0}", "inline")
    assert mathematics(r"\varphi_\alpha''", "inline") == mathematics(r"\varphi''_\alpha", "inline")


def test_notebooks_benchmarks_and_help_are_there(site):
    for notebook in (ROOT / "notebooks" / "rendered").glob("*.ipynb"):
        shown = read(site, f"notebooks/rendered/{notebook.stem}.html")
        assert 'class="output' in shown and 'src="data:image/png;base64,' in shown, notebook.stem
    assert (site / "benchmarks" / "scale.svg").is_file() and "scale.svg" in read(
        site, "benchmarks/RESULTS.html"
    )
    shown = read(site, "reference/command_line.html")
    for name in COMMANDS:
        assert f"Usage: adl-opt {name} " in shown
    assert "\x1b" not in shown and "Changelog" in read(site, "CHANGELOG.html")


def test_sources_have_numbered_lines(site):
    lines = (ROOT / "models" / "cvar.py").read_text(encoding="utf-8").count("\n")
    page = read(site, "models/cvar.py.html")
    assert 'id="L1"' in page and f'id="L{lines}"' in page and f'id="L{lines + 1}"' not in page


def test_docstrings_lose_nothing():
    sections = {"8.4": "84-x", "Thm 1": "1-y"}
    text = "min_t t + E(L - t)_+ is\n+ or *not* less (THEORY 8.4, 9; §5, Thm 1): arXiv 2603.15963.\n>>> 1\n1"
    html = reader(["CVaR"], html=False).render(prose(text, sections))
    assert "min_t t + E(L - t)_+ is\n+ or *not* less" in html and "<em>" not in html and "<ul>" not in html
    assert (
        'href="/models/THEORY.md#84-x">8.4</a>, 9' in html
        and '#1-y">Thm 1</a>' in html
        and "https://arxiv.org/abs/2603.15963" in html
    )
    assert 'class="code pycon"' in html
    listed = reader(["CVaR"]).render(prose("- `a`: of `CVaR(\n  0.9)`\n- `b`: y\n>>> 1\n1\n>>> 2\n2", {}))
    assert listed.count("<li>") == 2 and listed.count('class="code pycon"') == 1
    assert '<a href="adl:CVaR"><code>CVaR( 0.9)</code></a>' in listed
    assert first_sentence("As in Campbell et al. 2026. More.") == "As in Campbell et al. 2026."


@pytest.mark.parametrize("link", ["missing.py", "../outside.md", "a/../../../etc"])
def test_a_link_that_leads_nowhere_is_an_error(link, tmp_path):
    page = Page("README.md", f'<a href="{link}">x</a>', "x")
    with pytest.raises(SiteError, match=r"README.md links to .*, which is not there"):
        Links(tmp_path, {}).rewritten(page)


def test_a_folder_with_other_things_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    assert command.main([str(tmp_path)]) == 1
    assert "holds something that is no site of ours" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "x"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository") / "copy"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "build", "dist", "__pycache__"))
    return folder


@pytest.mark.parametrize(
    ("file", "more", "says"),
    [
        ("README.md", "![a picture](missing.png)", "README.md links to missing.png, which is not there"),
        ("models/THEORY.md", r"$\frob$", r"the formula .* has \\frob, which browsers do not show"),
        ("notebooks/guide/orphan.md", "# Alone", "notebooks/guide/README.md does not link to .*orphan.md"),
    ],
)
def test_what_is_broken_stops_the_build_with_one_sentence(copy, tmp_path, file, more, says):
    changed = copy / file
    before = changed.read_text(encoding="utf-8") if changed.exists() else None
    changed.write_text(f"{before or ''}\n{more}\n", encoding="utf-8")
    try:
        with pytest.raises(SiteError, match=says) as caught:
            build(tmp_path / "docs", copy)
        assert "\n" not in str(caught.value)
    finally:
        changed.unlink() if before is None else changed.write_text(before, encoding="utf-8")


def test_a_site_replaces_the_one_before_and_is_checked(site, copy, tmp_path):
    shutil.copytree(site, tmp_path / "docs")
    (tmp_path / "docs" / "stale.html").write_text("", encoding="utf-8")
    with open(copy / "CONTRIBUTING.md", "a", encoding="utf-8") as file:
        file.write("\n[a link](CHANGELOG.md#nowhere)\n")
    with pytest.raises(
        SiteError, match=r"the site has 1 faults, first: CONTRIBUTING.html links to .*, an anchor"
    ):
        build(tmp_path / "docs", copy)
    assert not (tmp_path / "docs" / "stale.html").exists()
