"""python -m notebooks.website [FOLDER]: the site is written there, build/docs unless said otherwise."""

import sys
from pathlib import Path

from notebooks.website.build import ROOT, build
from notebooks.website.pages import SiteError


def main(arguments: list[str]) -> int:
    target = Path(arguments[0]) if arguments else ROOT / "build" / "docs"
    try:
        count = build(target)
    except (SiteError, OSError) as error:
        print(f"make docs: {error}", file=sys.stderr)
        return 1
    print(f"{target / 'index.html'}: {count} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
