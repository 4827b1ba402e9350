"""Docstrings are plain text that `help` shows; here they become Markdown without losing a character."""

import re
from textwrap import dedent

SECTION = re.compile(r"^([A-Z][A-Za-z ]*):$")
ITEM = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)( \([^)]*\))?: ")
NUMBER = r"\d+(?:\.\d+)?"
CITED = re.compile(
    "THEORY n".replace("n", rf"({NUMBER})((?:, {NUMBER})*)")
    + r"|§(\d+)|arXiv:? ?(\d{4}\.\d+)|(https?://[^\s)]+)"
)
RULES = "/CONTRIBUTING.md#the-numbered-rules-as-errors-and-docstrings-cite-them"


def first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s+(?=[A-Z`])|\n\n", text.strip(), maxsplit=1)[0]


def prose(text: str, sections: dict[str, str]) -> str:
    """Markdown of a docstring: examples are Python, `Title:` over indented lines is a list, the rest is text.

    sections: number -> anchor, for "THEORY n".
    """
    parts, lines = [], text.strip().splitlines()
    while lines:
        if not lines[0].strip():
            parts.append(lines.pop(0))
        elif lines[0].lstrip().startswith(">>>"):
            example = _taken(lines, lambda line: bool(line.strip()))
            parts += ["", "```pycon", dedent("\n".join(example)), "```", ""]
        elif SECTION.match(lines[0]) and len(lines) > 1 and lines[1].startswith("  "):
            title = lines.pop(0)
            inner = dedent("\n".join(_taken(lines, lambda line: not line.strip() or line.startswith("  "))))
            parts += ["", f"**{title[:-1]}**", "", _section(inner, sections), ""]
        elif lines[0].startswith("    "):
            parts.append(lines.pop(0))  # a block of Markdown's own
        else:
            parts.append(_line(lines.pop(0), sections))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip("\n")


def _taken(lines: list[str], wanted) -> list[str]:
    found = []
    while lines and wanted(lines[0]):
        found.append(lines.pop(0))
    return found


def _section(text: str, sections: dict[str, str]) -> str:
    """`name: words` become items, their further lines follow; anything else is text."""
    if not any(ITEM.match(line) for line in text.splitlines()):
        return prose(text, sections)
    items = []
    for line in text.splitlines():
        if hit := ITEM.match(line):
            items.append(f"- `{hit[1]}`{hit[2] or ''}: {_line(line[hit.end() :], sections)}")
        elif line.strip():
            items.append("  " + _line(line.strip(), sections))
    return "\n".join(items)


def _line(line: str, sections: dict[str, str]) -> str:
    """A line of text: what Markdown would read as emphasis, list, quotation or heading stays what it is."""
    pieces = re.split(r"(`[^`]*`)", line)
    pieces[::2] = [re.sub(r"([_*<\[\]$])", r"\\\1", piece) for piece in pieces[::2]]
    pieces[::2] = [CITED.sub(lambda hit: _cited(hit, sections), piece) for piece in pieces[::2]]
    return re.sub(r"^(\s*)([+>#=|])", r"\1\\\2", "".join(pieces))


def _cited(hit: re.Match[str], sections: dict[str, str]) -> str:
    """What a citation leads to: sections of the theory, the numbered rules, a paper, an address."""
    first, more, rule, paper, url = hit.groups()
    if first is None:
        return f"<{url}>" if url else f"[{hit[0]}]({RULES if rule else f'https://arxiv.org/abs/{paper}'})"
    numbers = [first, *re.findall(NUMBER, more)]
    return "THEORY " + ", ".join(
        f"[{number}](/models/THEORY.md#{sections[number]})" if number in sections else number
        for number in numbers
    )
