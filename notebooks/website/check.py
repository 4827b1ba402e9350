"""What a reader of the site would stumble on: links and anchors that lead nowhere, anything from outside."""

import posixpath
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

TAG = re.compile(r"<(\w+)\b([^<>]*)>")
ATTRIBUTE = re.compile(r"""\b(id|name|href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
OUTSIDE = ("http:", "https:", "//")


class _Seen:
    """Anchors, links and resources of a page."""

    def __init__(self, html: str) -> None:
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        for tag, inside in TAG.findall(html):
            for attribute, double, single in ATTRIBUTE.findall(inside):
                value = unescape(double or single)
                if attribute in ("id", "name"):
                    self.anchors.add(value)
                else:
                    (self.links if tag == "a" else self.loaded).append(value)


def faults(folder: Path) -> list[str]:
    """A line a fault of the site in a folder."""
    files = sorted(folder.rglob("*.html"))
    pages = {file.relative_to(folder).as_posix(): _Seen(file.read_text(encoding="utf-8")) for file in files}
    found = []
    for path, page in pages.items():
        found += [f"{path} loads {one} from outside" for one in page.loaded if one.startswith(OUTSIDE)]
        for link in page.links + page.loaded:
            if link.startswith((*OUTSIDE, "mailto:", "data:")):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
            if not (folder / target).is_file():
                found.append(f"{path} links to {link}, which is not there")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{path} links to {link}, an anchor that is not there")
    return found
