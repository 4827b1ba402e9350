"""Citations can be followed: THEORY n and Thm n in models/THEORY.md, § n in CONTRIBUTING.md; links too."""

import re
from pathlib import Path

from adl_opt.verification import catalog

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "models" / "THEORY.md").read_text(encoding="utf-8")
RULES = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = ("adl_opt", "models", "tests", "benchmarks", "notebooks")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
CITING = [path for path in FILES if path != Path(__file__).resolve()] + [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]
NUMBER = r"\d+(?:\.\d+)?"
PROSE = re.sub(r"```math\n.*?```", "", TEXT, flags=re.DOTALL)
HEADINGS = re.findall(r"^#+ (.+)$", PROSE, flags=re.MULTILINE)
LINKS = re.findall(r"\]\(([^)]+)\)", PROSE)


def defined(text: str, rules: str) -> set[str]:
    """What can be cited: sections, theorems and counterexamples of a text, and numbered rules."""
    return {
        *(f"THEORY {n}" for n in re.findall(rf"^##+ ({NUMBER})\b", text, flags=re.MULTILINE)),
        *(f"Thm {n}" for n in re.findall(r"^\*\*Thm (\d+)\b", text, flags=re.MULTILINE)),
        *(f"THEORY 3, {n}" for n in re.findall(r"^- \*\*(n\d+'?)\*\* ", text, flags=re.MULTILINE)),
        *(f"§{n}" for n in re.findall(r"^\| §(\d+) \|", rules, flags=re.MULTILINE)),
    }


def cited(source: str) -> set[str]:
    """What a source cites, also across lines; what leads outside the repository, in its own words."""
    words = re.sub(r"""["']?\s*\n\s*(?:# |[frb]*["'](?=\S))?""", " ", source)
    words = re.sub(r" +", " ", words)
    found = {f"Thm {n}" for n in re.findall(r"\b(?:Thm|Theorem) (\d+)", words)}
    found |= {f"§{n}" for n in re.findall(r"§\s?(\d+)", words)}
    for sections, example in re.findall(rf"\bTHEORY ({NUMBER}(?:, {NUMBER})*\b)(?:, (n\d+'?))?", words):
        found |= {f"THEORY {n}" for n in sections.split(", ")}
        found |= {f"THEORY 3, {example}"} if example else set()
    return found | set(re.findall(r"\bDESIGN\b.{0,9}|\bTHEORY\b(?! \d| n\b|\.md).{0,9}", words))


DEFINED = defined(TEXT, RULES)


def test_citations_lead_somewhere():
    missing = {
        str(path.relative_to(ROOT)): cited(path.read_text(encoding="utf-8")) - DEFINED for path in CITING
    }
    assert not {path: names for path, names in missing.items() if names}


def test_the_text_cites_itself_and_the_rules_rightly():
    sections = set(re.findall(r"(?<![\w.$*])(?:[Ss]ections?|THEORY) (\d+(?:\.\d)?)", PROSE))
    assert not {f"THEORY {n}" for n in sections} - DEFINED
    assert not {name for name in cited(TEXT) if not name.startswith("THEORY")} - DEFINED


def test_citations_are_found_and_can_fail():
    source = (
        '''"""Below it (THEORY\n    6, 8.4); §99, Thm 9."""\n# x (THEORY\n# 3, n15), THEORY 12 and DESIGN 5'''
    )
    expected = {
        "THEORY 6",
        "THEORY 8.4",
        "§99",
        "Thm 9",
        "THEORY 3",
        "THEORY 3, n15",
        "THEORY 12",
        "DESIGN 5",
    }
    assert cited(source) == expected
    assert cited(source) - DEFINED == {"§99", "Thm 9", "THEORY 12", "DESIGN 5"}
    assert cited('f"optimal (Thm "\n    f"1)"') == {"Thm 1"}
    everything = set().union(*(cited(path.read_text(encoding="utf-8")) for path in CITING))
    assert len(everything) > 40 and "THEORY 11.2" in everything  # often cited at the end of a line
    assert {"THEORY 10", "THEORY 11.8", "Thm 4", "THEORY 3, n14'", "§17"} <= DEFINED


def test_relative_links_exist():
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADINGS}
    broken = [
        link
        for link in LINKS
        if not link.startswith("https://")
        and not (link[1:] in slugs if link.startswith("#") else (ROOT / "models" / link).is_file())
    ]
    assert LINKS and not broken


def test_every_model_is_linked_and_the_text_is_none():
    assert {f"{name}.py" for name in catalog.names()} <= set(LINKS)
    assert not any("THEORY" in name for name in catalog.names())


def test_math_survives_markdown():
    """Dollars in pairs; nothing between them that Markdown reads first: escapes, emphasis, a tag."""
    inline = re.sub(r"`[^`]*`", "", PROSE)
    assert inline.count("$") % 2 == 0
    formulas = re.findall(r"\$([^$]+)\$", inline)
    assert len(formulas) > 500
    assert not [one for one in formulas if re.search(r"\\[^a-zA-Z ]|\*|<\S|\n|^\s|\s$", one)]
    assert all(one.count("{") == one.count("}") for one in formulas)
    assert max(map(len, TEXT.splitlines())) <= 110
