"""Docstrings are plain text that `help` shows; here they become Markdown without losing a character."""

import re
from textwrap import dedent

CODE = re.compile(r"(`[^`]*`)")
NUMBER = r"\d+(?:\.\d+)?"
CITED = re.compile(
    "THEORY n".replace("n", rf"({NUMBER})((?:, {NUMBER})*)")
    + r"|(Thm \d+)|§(\d+)|arXiv:? ?(\d{4}\.\d+)|(https?://[^\s)]+)"
)
RULES = "/CONTRIBUTING.md#the-numbered-rules-as-errors-and-docstrings-cite-them"


def first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s+(?=[A-Z`])|\n\n", text.strip(), maxsplit=1)[0]


def prose(text: str, sections: dict[str, str]) -> str:
    """Markdown of a docstring: examples are Python, `- ` begins an item, the rest is text or indented code.

    sections: what is cited of the theory ("8.4", "Thm 1") -> the anchor of its section.
    """
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if not line.strip() or (_is_example([line]) and not _is_example(blocks[-1])):
            blocks.append([])
        if line.strip():
            blocks[-1].append(line)
    return "\n\n".join(_block(block, sections) for block in blocks if block)


def _is_example(block: list[str]) -> bool:
    return bool(block) and block[0].lstrip().startswith(">>>")


def _block(block: list[str], sections: dict[str, str]) -> str:
    text = "\n".join(block)
    if _is_example(block):
        return f"```pycon\n{dedent(text)}\n```"
    return text if text.startswith("    ") else _text(text, sections)


def _text(paragraph: str, sections: dict[str, str]) -> str:
    """What Markdown would read as emphasis, quotation or heading stays what it is; citations are links."""
    pieces = CODE.split(paragraph)
    pieces[::2] = [re.sub(r"([_*<\[\]$])", r"\\\1", piece) for piece in pieces[::2]]
    pieces[::2] = [CITED.sub(lambda hit: _cited(hit, sections), piece) for piece in pieces[::2]]
    return re.sub(r"^(\s*)([+>#=|])", r"\1\\\2", "".join(pieces), flags=re.MULTILINE)


def _cited(hit: re.Match[str], sections: dict[str, str]) -> str:
    """What a citation leads to: sections of the theory, the numbered rules, a paper, an address."""
    first, more, theorem, rule, paper, url = hit.groups()
    if theorem:
        return f"[{theorem}](/models/THEORY.md#{sections[theorem]})" if theorem in sections else theorem
    if first is None:
        return f"<{url}>" if url else f"[{hit[0]}]({RULES if rule else f'https://arxiv.org/abs/{paper}'})"
    numbers = [first, *re.findall(NUMBER, more)]
    return (
        hit[0].split()[0]
        + " "
        + ", ".join(
            f"[{number}](/models/THEORY.md#{sections[number]})" if number in sections else number
            for number in numbers
        )
    )
