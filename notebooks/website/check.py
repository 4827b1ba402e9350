"""What a reader of the site would stumble on: links and anchors that lead nowhere, anything from outside."""

import posixpath
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}


class _Seen(HTMLParser):
    """Anchors, links and resources of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if (attribute := LOADED.get(tag)) in given:
            self.loaded.append(given[attribute])


def faults(folder: Path) -> list[str]:
    """A line a fault of the site in a folder."""
    pages = {
        file.relative_to(folder).as_posix(): _Seen(file.read_text(encoding="utf-8"))
        for file in sorted(folder.rglob("*.html"))
    }
    found = []
    for path, page in pages.items():
        found += [
            f"{path} loads {one} from outside"
            for one in page.loaded
            if one.startswith(("http:", "https:", "//"))
        ]
        inner = [
            one for one in page.links + page.loaded if not one.startswith(("http", "mailto:", "data:", "//"))
        ]
        for link in inner:
            file, _, anchor = unquote(link).partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
            if not (folder / target).is_file():
                found.append(f"{path} links to {link}, which is not there")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{path} links to {link}, an anchor that is not there")
    return found
