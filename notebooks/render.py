"""Run notebooks and write notebooks/rendered/NAME.ipynb with outputs: python notebooks/render.py [NOTEBOOK.py
...]

marimo runs and exports. The copy is then made readable on a forge (text as text, solutions folded, controls
named) and reproducible: no ids, versions or paths. Exit status 1 if a cell fails or warns; then nothing is
written for that notebook.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
CONTROL = re.compile(r"<marimo-ui-element.*?data-initial-value='(.*?)'.*?</marimo-ui-element>", re.DOTALL)
FOLD = re.compile(r"^/// details \| (.*?)\n(.*?)\n///$", re.DOTALL | re.MULTILINE)


class RenderError(Exception):
    """A notebook that fails, warns, or shows what it must not."""


def rendered(notebook: Path) -> Path:
    """Where the copy of a notebook lies."""
    return notebook.parent / "rendered" / f"{notebook.stem}.ipynb"


def export(notebook: Path, run: bool = True) -> nbformat.NotebookNode:
    """The notebook as marimo exports it, cells as in the file, made readable.

    Raises RenderError if it has none, or one fails or warns.
    """
    ast.parse(
        notebook.read_text(encoding="utf-8")
    )  # marimo exports a file that is no Python as an empty notebook
    with tempfile.TemporaryDirectory() as folder:
        # A copy, since marimo leaves its session beside the file; a configuration of our own, not the
        # reader's.
        source, target = Path(folder, notebook.name), Path(folder, "out.ipynb")
        shutil.copyfile(notebook, source)
        path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "XDG_CONFIG_HOME": folder, "PYTHONPATH": path}
        command = [
            sys.executable,
            "-m",
            "marimo",
            "export",
            "ipynb",
            str(source),
            "-o",
            str(target),
            "--sort",
            "top-down",
        ]
        command += ["--no-sandbox", "--include-outputs" if run else "--no-include-outputs"]
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        if not target.exists():
            raise RenderError(
                "marimo wrote nothing: " + (done.stderr.strip() or "no reason given").splitlines()[-1]
            )
        raw = nbformat.read(target, as_version=4)
        _refuse(raw, done, (folder, str(HERE.parent), str(Path.home())))
    cells = [piece for cell in raw.cells if cell.source for piece in _readable(cell, run)]
    if not cells:
        raise RenderError("there are no cells: it is not a marimo notebook")
    for k, cell in enumerate(cells, 1):
        cell.id = f"cell-{k:02d}"
    return nbformat.v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def sources(notebook: nbformat.NotebookNode) -> list[str]:
    """What the cells were made of, to compare a copy with its notebook."""
    return [cell.metadata.get("template", cell.source) for cell in notebook.cells]


def _refuse(
    raw: nbformat.NotebookNode, done: subprocess.CompletedProcess[str], paths: tuple[str, ...]
) -> None:
    """Raise RenderError for failures, warnings and paths of this machine."""
    for k, cell in enumerate(raw.cells, 1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise RenderError(f"cell {k} fails: {output.ename}: {output.evalue}\n{cell.source}")
            if output.get("name") == "stderr":
                raise RenderError(f"cell {k} warns: {output.text}")
            shown = "".join(
                [
                    output.get("text", ""),
                    *(v for kind, v in output.get("data", {}).items() if "image" not in kind),
                ]
            )
            found = [path for path in paths if path in shown]
            if found:
                raise RenderError(f"cell {k} shows {found[0]}, a path of this machine")
    if done.returncode:
        raise RenderError(done.stderr.strip())


def _readable(cell: nbformat.NotebookNode, run: bool) -> list[nbformat.NotebookNode]:
    """A hidden cell that ends in mo.md(...) becomes its text, then its code without the text; other cells
    stay one.
    """
    new = nbformat.v4
    if cell.cell_type == "markdown":
        return [new.new_markdown_cell(_text(cell.source))]
    last = ast.parse(cell.source).body[-1]
    hidden = cell.metadata.get("marimo", {}).get("config", {}).get("hide_code", False)
    if hidden and ast.unparse(last).startswith("mo.md("):
        shown = cell.outputs[-1].data["text/markdown"] if run else ""
        text = new.new_markdown_cell(_text(shown), metadata={"template": cell.source})
        code = "\n".join(cell.source.splitlines()[: last.lineno - 1]).rstrip()
        return [text, new.new_code_cell(code)] if code else [text]
    for output in cell.get("outputs", []):
        for kind, value in output.get("data", {}).items():
            if kind.startswith("text/"):
                output.data[kind] = _text(value)
    return [new.new_code_cell(cell.source, outputs=cell.get("outputs", []))]


def _text(text: str) -> str:
    """Controls and folds of marimo in what every reader of notebooks understands."""
    text = CONTROL.sub(r"*(a control in marimo, here at \1)*", text)
    return FOLD.sub(r"<details><summary>\1</summary>\n\n\2\n\n</details>", text)


def main(arguments: list[str]) -> int:
    failed = 0
    for notebook in [Path(a) for a in arguments] or sorted(HERE.glob("[0-9]*.py")):
        try:
            copy = export(notebook)
        except (RenderError, OSError, SyntaxError) as error:
            print(f"{notebook}: {error}", file=sys.stderr)
            failed = 1
            continue
        target = rendered(notebook)
        target.parent.mkdir(exist_ok=True)
        nbformat.write(copy, target)
        print(f"{target}: {len(copy.cells)} cells, {target.stat().st_size / 1024:.0f} kB")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
