"""A page, where it lies in the site, and how links of the repository become links of the site."""

import os.path
import posixpath
import re
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path

PICTURES = (".png", ".svg", ".jpg", ".gif")
LINK = re.compile(r'(<(?:a|img)\b[^>]*?\b(?:href|src)=")([^"]*)(")')


class SiteError(Exception):
    """What stops the build, in one sentence."""


@dataclass
class Page:
    """HTML whose links are as in the file that it comes from (`origin`, from the repository's root)."""

    origin: str
    body: str
    title: str
    path: str = ""  # in the site; where it mirrors the repository, nothing is said
    toc: list[tuple[str, str]] = field(default_factory=list)  # (anchor, words) shown in the navigation
    label: str = ""  # in the navigation, where it is not the title
    searched: bool = True

    def __post_init__(self) -> None:
        self.path = self.path or address(self.origin)


def address(origin: str, is_folder: bool = False) -> str:
    """Where the site has what the repository has at `origin`."""
    if origin == "README.md":
        return "index.html"
    if is_folder:
        return posixpath.join(origin, "index.html")
    if origin.endswith(PICTURES):
        return origin
    return re.sub(r"\.(md|ipynb)$", "", origin) + ".html"


class Links:
    """Rewrites links page by page, and remembers which files of the repository they need."""

    def __init__(self, root: Path, names: dict[str, str]) -> None:
        self.root = root
        self.names = names  # public name -> its address in the site
        self.needed: dict[str, None] = {}

    def rewritten(self, page: Page) -> str:
        """The body of a page with links of the site. Raises SiteError for one that leads nowhere."""
        return LINK.sub(
            lambda found: found[1] + escape(self._to(page, unescape(found[2]))) + found[3], page.body
        )

    def _to(self, page: Page, link: str) -> str:
        if link.startswith(("https://", "http://", "mailto:", "data:", "#")):
            return link
        path, mark, anchor = link.partition("#")
        if path.startswith("adl:"):
            target = self.names[path.removeprefix("adl:")]
        else:
            target = self._in_repository(page, path, link)
        return posixpath.relpath(target, posixpath.dirname(page.path) or ".") + mark + anchor

    def _in_repository(self, page: Page, path: str, link: str) -> str:
        start = "" if path.startswith("/") else posixpath.dirname(page.origin)
        origin = posixpath.normpath(posixpath.join(start, path.lstrip("/")))
        file = self.root / origin
        if origin.startswith("..") or not os.path.exists(file):
            raise SiteError(f"{page.origin} links to {link}, which is not there")
        if (file / "README.md").is_file():
            origin, file = f"{origin}/README.md", file / "README.md"
        self.needed[origin] = None
        return address(origin, file.is_dir())
