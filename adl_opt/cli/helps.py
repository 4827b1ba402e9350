"""--help on a screen: options in groups, and an example that runs."""

import shlex
import textwrap
from typing import Any

from typer.core import TyperCommand

from adl_opt.cli.output import folded

_ARGUMENTS, _OPTIONS = "Arguments", "Options"
_MOST = 24  # columns of options and what they take; what is longer stands on a line of its own


class GroupedCommand(TyperCommand):
    """A command whose options stand in groups (`rich_help_panel`), with its example at the end."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for one in self.get_params(ctx):
            record = one.get_help_record(ctx)
            if record is not None:
                last = [name for name in groups if name != _ARGUMENTS]
                other = _ARGUMENTS if one.param_type_name == "argument" else [_OPTIONS, *last][-1]
                groups.setdefault(getattr(one, "rich_help_panel", None) or other, []).append(record)
        longest = max(len(name) for records in groups.values() for name, _ in records)
        for title, records in groups.items():
            with formatter.section(title):
                for name, says in records:
                    _write(formatter, name, says, min(longest, _MOST))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        if self.epilog:
            with formatter.section("Example"):
                room = formatter.width - formatter.current_indent
                for line in folded("", shlex.split(self.epilog), room).splitlines():
                    formatter.write(" " * formatter.current_indent + line + "\n")


def _write(formatter: Any, name: str, says: str, wide: int) -> None:
    """A name and what is said of it beside it, folded between words."""
    indent = " " * (formatter.current_indent + wide + 2)
    begin = f"{' ' * formatter.current_indent}{name:{wide}}  "
    if len(begin) > len(indent):
        formatter.write(begin.rstrip() + "\n")
        begin = indent
    whole = textwrap.TextWrapper(
        formatter.width, initial_indent=begin, subsequent_indent=indent,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
    formatter.write(whole.fill(says).rstrip() + "\n")
