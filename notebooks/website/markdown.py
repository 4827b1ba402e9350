"""Markdown as a forge shows it: tables, anchors of headings, highlighted code, and formulas as MathML."""

import re
from collections.abc import Callable, Collection
from html import escape
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.util import ClassNotFound

from notebooks.website.pages import SiteError

SAID_OTHERWISE = (  # what latex2mathml understands only so
    (re.compile(r"\\lbrace\b"), r"\\{"),
    (re.compile(r"\\rbrace\b"), r"\\}"),
    (re.compile(r"(\\math(?:bb|cal|bf)) (\w)"), r"\1{\2}"),
    (re.compile(r"(_\\?\w+)''"), r"''\1"),
)
BOLD = re.compile(r'<mn mathvariant="bold">(\d)</mn>')
FORMULA = re.compile(r'(<math [^>]*display="inline">(?:(?!</math>).)*</math>)([^\s<]+)', re.DOTALL)
OF_ADL = re.compile(r'(<span class="n">adl</span><span class="o">\.</span><span class="n">)(\w+)(</span>)')
A_TYPE = re.compile(r'(<span class="n">)([A-Z]\w*)(</span>)')
NAMED = re.compile(r"(?:adl\.(\w+)|([A-Z]\w*|\w+_\w+))(?:\.\w+)*(?:\(.*\))?")  # in `code`


def slug(heading: str) -> str:
    """The anchor that a forge gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def mathematics(formula: str, display: str) -> str:
    """LaTeX as MathML. Raises SiteError for what it cannot say."""
    try:
        for written, meant in SAID_OTHERWISE:
            formula = written.sub(meant, formula)
        found = BOLD.sub(
            lambda hit: f"<mn>{chr(ord('𝟎') + int(hit[1]))}</mn>", convert(formula, display=display)
        )
        found = re.sub(r">\\([{}])<", r">\1<", found)
        words = "".join(ElementTree.fromstring(found).itertext())
    except Exception as error:  # the converter has a dozen kinds, with no parent of their own
        raise SiteError(
            f"the formula {formula.strip()!r} is not mathematics: {type(error).__name__}"
        ) from None
    if unknown := re.search(r"\\\S*", words) or re.search(r'mathvariant="(?!normal)[\w-]+"', found):
        raise SiteError(f"the formula {formula.strip()!r} has {unknown[0]}, which browsers do not show")
    return found


def code(text: str, language: str, public: Collection[str] = (), types: bool = False, **options: Any) -> str:
    """Highlighted code; `adl.NAME`, and in signatures the names of types, lead to the reference."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:  # csv, or nothing said
        lexer = TextLexer(stripnl=False)
    found = highlight(text, lexer, HtmlFormatter(cssclass=f"code {language}", **options))

    def linked(hit: re.Match[str]) -> str:
        return f'{hit[1]}<a href="adl:{hit[2]}">{hit[2]}</a>{hit[3]}' if hit[2] in public else hit[0]

    if language == "bash":  # lines are broken before an option, not inside it
        return re.sub(r"(?<![\w-])--?[a-z][\w-]*", r'<span class="whole">\g<0></span>', found)
    return (A_TYPE if types else OF_ADL).sub(linked, found)


def reader(public: Collection[str], anchor: Callable[[str], str] = slug, html: bool = True) -> MarkdownIt:
    """Makes HTML of Markdown; `public`: names that lead to the reference wherever they stand in code."""
    md = MarkdownIt("commonmark", {"html": html}).enable(["table", "strikethrough"])
    md.use(
        dollarmath_plugin,
        allow_labels=False,
        allow_space=False,
        double_inline=True,
        renderer=lambda formula, options: mathematics(
            formula, "block" if options["display_mode"] else "inline"
        ),
    )
    md.use(
        anchors_plugin,
        max_level=4,
        slug_func=anchor,
        permalink=True,
        permalinkSymbol="#",
        permalinkSpace=False,
    )

    def fence(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        language, *more = token.info.split() or [""]
        if language == "math":
            return mathematics(token.content, "block")
        return code(token.content, language, public, types="signature" in more)

    def inline(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        text = tokens[index].content
        found = NAMED.fullmatch(text)
        name = found and (found[1] or found[2])
        inside_link = sum(token.nesting for token in tokens[:index] if token.type.startswith("link_"))
        shown = f"<code>{escape(text)}</code>"
        return f'<a href="adl:{name}">{shown}</a>' if name in public and not inside_link else shown

    md.add_render_rule("fence", fence)
    md.add_render_rule("code_inline", inline)
    md.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>')
    md.add_render_rule("table_close", lambda *_: "</table></div>")
    return md


def html_of(md: MarkdownIt, tokens: Any) -> str:
    """HTML of what was read; what follows a formula without a space stays on its line."""
    return FORMULA.sub(r'<span class="whole">\1\2</span>', md.renderer.render(tokens, md.options, {}))


def headings(tokens: Any, level: str = "h2") -> list[tuple[str, str]]:
    """(anchor, words) of the headings of a level."""
    return [
        (token.attrs["id"], words_of(tokens[k + 1]))
        for k, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == level
    ]


def words_of(inline: Any) -> str:
    return "".join(
        child.content for child in inline.children if child.type in ("text", "code_inline", "math_inline")
    )
