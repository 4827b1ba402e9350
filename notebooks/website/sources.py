"""Pages of what is not Markdown: notebooks with their outputs, source files, folders, the command line."""

import ast
from collections.abc import Collection
from html import escape
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from adl_opt.cli.app import COMMANDS, app
from notebooks.website.markdown import code, headings, html_of
from notebooks.website.pages import PICTURES, Page, SiteError

HELP_WIDTH = 100  # columns


def markdown_page(
    origin: str, text: str, md: MarkdownIt, path: str = "", level: str = "h2", label: str = ""
) -> Page:
    """A page of a Markdown text; its headings of one level go to the navigation."""
    tokens = md.parse(text)
    titles = headings(tokens, "h1")
    if not titles:
        raise SiteError(f"{origin} has no title: begin it with '# ...'")
    body = html_of(md, tokens)
    return Page(origin, body, titles[0][1], path, headings(tokens, level), label)


def notebook_page(origin: str, file: Path, md: MarkdownIt, public: Collection[str]) -> Page:
    """A rendered notebook: its texts, code and outputs, in order."""
    page = Page(origin, "", "")
    for cell in nbformat.read(file, as_version=4).cells:
        if cell.cell_type == "markdown":
            part = md.parse(cell.source)
            page.body += html_of(md, part)
            page.toc += headings(part)
            page.title = page.title or next((words for _, words in headings(part, "h1")), "")
        else:
            page.body += code(cell.source, "python", public) + "".join(map(_output, cell.outputs))
    return page


def _output(output: nbformat.NotebookNode) -> str:
    """What a cell shows: a picture, HTML, or text."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    if picture := data.get("image/png"):
        inner = f'<img alt="what the cell draws" src="data:image/png;base64,{picture.strip()}">'
    elif "image/svg+xml" in data:
        inner = data["image/svg+xml"]
    else:
        inner = data.get("text/html") or f"<pre>{escape(data['text/plain'])}</pre>"
    return f'<div class="output scroll">{inner}</div>'


def source_page(origin: str, file: Path, public: Collection[str]) -> Page:
    """A file of the repository, its lines numbered: line 12 has the anchor L12."""
    language = {".py": "python", ".toml": "toml", ".yml": "yaml"}.get(file.suffix, "text")
    language = "make" if file.name == "Makefile" else language
    shown = code(file.read_text(encoding="utf-8"), language, public, linenos="inline", lineanchors="L")
    shown = shown.replace('id="L-', 'id="L').replace('href="#L-', 'href="#L')
    return Page(origin, f"<h1><code>{escape(origin)}</code></h1>{shown}", origin, searched=False)


def folder_page(origin: str, folder: Path, md: MarkdownIt, label: str = "") -> Page:
    """What a folder holds, with the first sentence of each file of Python."""
    files = sorted(
        file for file in folder.iterdir() if file.suffix in (".py", ".md", ".csv", ".ipynb", *PICTURES)
    )
    rows = [f"| [`{file.name}`]({file.name}) | {_about(file)} |" for file in files]
    text = "\n".join([f"# `{origin}/`", "", "| file | what it is |", "|---|---|", *rows])
    page = markdown_page(f"{origin}/index", text, md, label=label)
    page.searched = False
    return page


def _about(file: Path) -> str:
    if file.suffix != ".py":
        return ""
    words = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return escape(" ".join(words.split("\n\n")[0].split())).replace("|", r"\|").replace("*", r"\*")


def command_page(md: MarkdownIt) -> Page:
    """`adl-opt --help`, and that of every command."""
    parts = ["# The command line: every --help"]
    for name in ["", *COMMANDS]:
        title = f"adl-opt {name}".strip()
        done = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="adl-opt", **_wide())
        if done.exit_code:
            raise SiteError(f"{title} --help ends with exit code {done.exit_code}")
        parts.append(f"## {title}\n\n```text\n{done.output.strip()}\n```")
    return markdown_page(
        "README.md", "\n\n".join(parts), md, path="reference/command_line.html", label="adl-opt"
    )


def _wide() -> dict[str, object]:
    width = str(HELP_WIDTH)
    return {"env": {"COLUMNS": width, "TERMINAL_WIDTH": width, "NO_COLOR": "1"}, "terminal_width": HELP_WIDTH}
