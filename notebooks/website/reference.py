"""The reference, as Markdown: a page a folder, an entry a public name with signature, docstring and members.

griffe reads the source, so that signatures are as written there, short names of types included.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import griffe

import adl_opt as adl
from notebooks.website.docstrings import first_sentence, prose
from notebooks.website.pages import SiteError

FOLDERS = {  # in the order in which one meets them
    "data": "What comes in: books, events, waves",
    "laws": "How prices may move",
    "objectives": "What is minimised",
    "constraints": "What an allocation must hold beside clearing",
    "problem": "The sentence and its answer",
    "certificates": "How an allocation is proved",
    "policies": "Rules that need no optimisation",
    "studies": "Rules compared, on trial, and along a path",
    "verification": "Models and their claims",
    "plots": "Pictures",
    "examples": "Made-up events, and formulas by hand",
    "evaluation": "What an allocation leaves",
    "waterfill": "The closed form, for arrays",
    "errors": "What can go wrong",
}
WIDTH = 92  # a signature that is longer has a line a parameter
logging.getLogger("griffe").setLevel(logging.ERROR)


class Reference:
    """Every public name of the package, by folder."""

    def __init__(self, root: Path, sections: dict[str, str]) -> None:
        """sections: numbers of the theory's sections -> anchors, for citations."""
        dataclasses = griffe.load_extensions("dataclasses")
        self.package: Any = griffe.load(
            "adl_opt", search_paths=[root], extensions=dataclasses, try_relative_path=False
        )
        self.root, self.sections = root, sections
        self.by_folder: dict[str, list[str]] = {folder: [] for folder in FOLDERS}
        for name in sorted([*adl.__all__, "plots"], key=str.lower):
            folder = self[name].canonical_path.split(".")[1]
            if folder not in FOLDERS:
                raise SiteError(f"adl.{name} is defined in {folder}/, which the reference does not list")
            self.by_folder[folder].append(name)

    def __getitem__(self, path: str) -> Any:
        """What griffe knows of adl.PATH; `waterfill` is a module inside the folder of that name."""
        name, dot, rest = path.partition(".")
        thing = getattr(adl, name)
        inside = thing.__name__.removeprefix("adl_opt.") if isinstance(thing, ModuleType) else name
        found = self.package[inside + dot + rest]
        return found.final_target if found.is_alias else found

    def addresses(self) -> dict[str, str]:
        """Public name -> where it is explained."""
        return {
            name: f"reference/{folder}.html#{name}"
            for folder, names in self.by_folder.items()
            for name in names
        }

    def index(self) -> str:
        """Markdown of the page that lists every name."""
        given = "`import adl_opt as adl, numpy as np, pandas as pd` is given to every example"
        lines = ["# Reference", "", f"Every name below is `adl.NAME`; {given}.", ""]
        for folder, names in self.by_folder.items():
            if names:
                lines += [f"## {folder}", f"{FOLDERS[folder]}.", "", "| name | what it is |", "|---|---|"]
                lines += [f"| [`{name}`](adl:{name}) | {self._summary(name)} |" for name in names] + [""]
        return "\n".join(lines)

    def pages(self) -> Iterator[tuple[str, str]]:
        """(folder, Markdown) of every folder with public names."""
        for folder, names in self.by_folder.items():
            if names:
                entries = "\n\n".join(self._entry(name) for name in names)
                yield folder, f"# {folder}: {FOLDERS[folder][0].lower()}{FOLDERS[folder][1:]}\n\n{entries}\n"

    def _summary(self, name: str) -> str:
        return (
            prose(first_sentence(self[name].docstring.value), self.sections)
            .replace("|", r"\|")
            .replace("\n", " ")
        )

    def _entry(self, name: str) -> str:
        """What a name is; of a class or module also its members."""
        thing = self[name]
        head = [f"## {name}", self._signature(name, thing), self._docstring(thing)]
        if thing.is_module:
            names = thing.exports or public_members(thing)
            members = {str(one): self[f"{name}.{one}"] for one in sorted(names, key=str)}
        else:
            members = public_members(thing) if thing.is_class else {}
        told = {one: member for one, member in members.items() if member.docstring}
        for one, member in told.items():
            head += [f"### {name}.{one}", self._signature(f"{name}.{one}", member), self._docstring(member)]
        if rest := [f"`{one}`" for one in members if one not in told and one not in parameters_of(thing)]:
            head.append(f"Also defines {', '.join(rest)}.")
        return "\n\n".join(part for part in [*head, self._source(thing)] if part)

    def _docstring(self, thing: Any) -> str:
        return prose(thing.docstring.value, self.sections)

    def _signature(self, path: str, thing: Any) -> str:
        """A block of Python, or what an attribute is."""
        if thing.is_module:
            return ""
        if thing.is_attribute:
            kind = "property" if "property" in thing.labels else "attribute"
            return (
                f"```python signature\n{path}: {thing.annotation}  # {kind}\n```" if thing.annotation else ""
            )
        return f"```python signature\n{signature(path if '.' in path else f'adl.{path}', thing)}\n```"

    def _source(self, thing: Any) -> str:
        """Bases and where to read the source."""
        bases = [f"`{base}`" for base in thing.bases] if thing.is_class else []
        file = Path(thing.filepath).relative_to(self.root).as_posix()
        line = f"#L{thing.lineno}" if thing.lineno else ""
        return (f"Extends {', '.join(bases)}. " if bases else "") + f"Defined in [`{file}`](/{file}{line})."


def public_members(thing: Any) -> dict[str, Any]:
    return {
        name: member
        for name, member in thing.members.items()
        if not name.startswith("_") and not member.is_alias and (member.is_function or member.is_attribute)
    }


def parameters_of(thing: Any) -> list[str]:
    return [] if thing.is_module or thing.is_attribute else [parameter.name for parameter in thing.parameters]


def signature(path: str, thing: Any) -> str:
    """As Python: one line if that fits, else a line a parameter."""
    parts, kinds = [], [parameter.kind for parameter in thing.parameters]
    for parameter in thing.parameters:
        if parameter.name in ("self", "cls") and not parts:
            continue
        first_named = parameter.kind is griffe.ParameterKind.keyword_only and (
            parameter.kind is kinds[kinds.index(parameter.kind)]
        )
        if first_named and "*" not in parts and griffe.ParameterKind.var_positional not in kinds:
            parts.append("*")
        star = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(
            parameter.kind, ""
        )
        note = f": {parameter.annotation}" if parameter.annotation else ""
        default = f" = {parameter.default}" if parameter.default is not None and not star else ""
        parts.append(f"{star}{parameter.name}{note}{default}")
    after = f" -> {thing.returns}" if thing.is_function and thing.returns else ""
    line = f"{path}({', '.join(parts)}){after}"
    inner = "".join(f"    {part},\n" for part in parts)
    return line if len(line) <= WIDTH else re.sub(r"(\*),\n$", r"\1\n", f"{path}(\n{inner}){after}")
