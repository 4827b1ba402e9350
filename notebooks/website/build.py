"""The site from the repository: what its pages are, in order, and how they become files."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from pygments.formatters import HtmlFormatter

from notebooks.website import sources
from notebooks.website.check import faults
from notebooks.website.markdown import reader, slug
from notebooks.website.pages import PICTURES, Links, Page, SiteError
from notebooks.website.reference import Reference

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MARK = "search_index.js"  # by this file a folder is known as a site of ours
SECTION = re.compile(r'<h[1-4] id="([^"]*)"[^>]*>(.*?)</h[1-4]>', re.DOTALL)
Contents = list[tuple[str, list[Page]]]


def build(target: Path, root: Path = ROOT) -> int:
    """Write the site of the repository at `root` into `target`; returns the number of pages.

    Raises SiteError for a link, a picture or a formula that does not work, and for a folder of other things.
    """
    _emptied(target)
    reference = Reference(root, sections_of((root / "models" / "THEORY.md").read_text(encoding="utf-8")))
    links = Links(root, reference.addresses())
    nav = contents(root, reference)
    pages = {page.path: page for _, some in nav for page in some}
    bodies = {path: links.rewritten(page) for path, page in pages.items()}
    md = reader(links.names)
    done: set[str] = set()
    while waiting := [origin for origin in links.needed if origin not in done]:
        for origin in waiting:
            done.add(origin)
            if origin.endswith(PICTURES):
                (target / origin).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / origin, target / origin)
            elif (page := _asked_for(root, origin, md, links.names)).path not in pages:
                pages[page.path] = page
                bodies[page.path] = links.rewritten(page)
    _write(target, nav, pages, bodies)
    if wrong := faults(target):
        raise SiteError(f"the site has {len(wrong)} faults, first: {wrong[0]}")
    return len(pages)


def _emptied(target: Path) -> None:
    if target.is_dir() and any(target.iterdir()):
        if not (target / MARK).exists():
            raise SiteError(f"{target} holds something that is no site of ours; name another folder")
        shutil.rmtree(target)
    target.mkdir(parents=True, exist_ok=True)


def _asked_for(root: Path, origin: str, md: MarkdownIt, names: dict[str, str]) -> Page:
    """A page that others link to and the navigation does not have."""
    file = root / origin
    if file.is_dir():
        return sources.folder_page(origin, file, md)
    if origin.endswith(".md"):
        return sources.markdown_page(origin, file.read_text(encoding="utf-8"), md)
    if origin.endswith(".ipynb"):
        return sources.notebook_page(origin, file, md, names)
    return sources.source_page(origin, file, names)


def sections_of(theory: str) -> dict[str, str]:
    """Number of a section of the theory, or "Thm 1" -> the anchor of the section."""
    found, anchor = {}, ""
    for line in theory.splitlines():
        if heading := re.match(r"##+ ((\d+(?:\.\d+)?)\b.*)$", line):
            found[heading[2]] = anchor = slug(heading[1])
        elif theorem := re.match(r"\*\*(Thm \d+)\b", line):
            found[theorem[1]] = anchor
    return found


def contents(root: Path, reference: Reference) -> Contents:
    """The navigation: sections with their pages."""
    names = reference.addresses()
    md = reader(names)

    def text(origin: str) -> Page:
        return sources.markdown_page(origin, (root / origin).read_text(encoding="utf-8"), md)

    def listed(folder: str, suffix: str) -> list[str]:
        return sorted(file.relative_to(root).as_posix() for file in (root / folder).glob(f"*{suffix}"))

    guide = _in_order(root / "notebooks" / "guide", listed("notebooks/guide", ".md"))
    rendered = [
        sources.notebook_page(origin, root / origin, md, names)
        for origin in listed("notebooks/rendered", ".ipynb")
    ]
    plain = reader(names, anchor=str)
    index = sources.markdown_page(
        "README.md", reference.index(), md, path="reference/index.html", level="none"
    )
    by_folder = [
        sources.markdown_page("README.md", written, plain, path=f"reference/{folder}.html", label=folder)
        for folder, written in reference.pages()
    ]
    return [
        ("", [text("README.md")]),
        ("Guide", [text(origin) for origin in guide]),
        (
            "Theory",
            [text("models/THEORY.md"), sources.folder_page("models", root / "models", md, "The models")],
        ),
        ("Notebooks", rendered),
        ("Reference", [index, *by_folder, sources.command_page(md)]),
        ("Project", [text("benchmarks/RESULTS.md"), text("CHANGELOG.md"), text("CONTRIBUTING.md")]),
    ]


def _in_order(folder: Path, pages: list[str]) -> list[str]:
    """The guide's README, then its pages as they are linked there. Raises SiteError for one left out."""
    start = "notebooks/guide/README.md"
    linked = re.findall(r"\]\((\w+\.md)", (folder / "README.md").read_text(encoding="utf-8"))
    order = list(dict.fromkeys([start, *(f"notebooks/guide/{name}" for name in linked)]))
    if missing := [page for page in pages if page not in order]:
        raise SiteError(f"{start} does not link to {missing[0]}")
    return order


def _write(target: Path, nav: Contents, pages: dict[str, Page], bodies: dict[str, str]) -> None:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("page.html")
    for path, page in pages.items():
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * path.count("/")
        file.write_text(template.render(page=page, body=bodies[path], nav=nav, up=up), encoding="utf-8")
    light, dark = (HtmlFormatter(style=style).get_style_defs(".code") for style in ("default", "github-dark"))
    style = (HERE / "style.css").read_text(encoding="utf-8")
    colours = f"{style}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
    (target / "style.css").write_text(colours, encoding="utf-8")
    shutil.copyfile(HERE / "search.js", target / "search.js")
    found = [
        entry for path, page in pages.items() if page.searched for entry in _searched(page, bodies[path])
    ]
    (target / MARK).write_text(f"const INDEX = {json.dumps(found, ensure_ascii=False)};\n", encoding="utf-8")


def _searched(page: Page, body: str) -> list[tuple[str, str, str, str]]:
    """(address, page, heading, words) of every section."""
    pieces = SECTION.split(body)
    return [
        (f"{page.path}#{anchor}", page.title, _words(heading).rstrip("#"), _words(text))
        for anchor, heading, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True)
    ]


def _words(html: str) -> str:
    text = re.sub(r"<[^>]+>", "", re.sub(r"<(math|svg)\b.*?</\1>", " ", html, flags=re.DOTALL))
    return " ".join(unescape(text).split())
