"""The failure contract: every `raise` of the package is triggered by a case in a folder's
failure_cases*.py, with the sentence it says.
"""

import ast
import sys
from importlib import import_module
from pathlib import Path

import pytest

import adl_opt as adl
from tests.failures import Case


def found() -> list[Case]:
    """The cases of every folder; a new folder is found without being named."""
    tests = Path(__file__).parent
    paths = (path.relative_to(tests).with_suffix("") for path in sorted(tests.rglob("failure_cases*.py")))
    return [case for path in paths for case in import_module(".".join(("tests", *path.parts))).CASES]


CASES = [Case("has no attribute 'optimise'", lambda _: adl.optimise, AttributeError), *found()]

# Not triggered here, each for a reason.
ELSEWHERE = {
    ("cli/models.py", "raise typer.Exit(1 if failed else 0)"): "a normal exit; cli/test_cli.py",
    ("cli/solve.py", "raise typer.Exit(exit_code(allocation.certificate))"): "a normal exit; cli/test_cli.py",
    ("cli/app.py", "raise typer.Exit"): "a normal exit of --version; cli/test_cli.py",
    ("cli/app.py", "raise SystemExit(2) from None"): "main() itself; cli/test_cli.py",
    ("cli/app.py", "raise SystemExit(130) from None"): "main() itself; cli/test_cli.py",
    ("cli/pipes.py", "raise"): "a full disk under stdout; cli/test_pipes.py",
    ("laws/base.py", "raise NotImplementedError"): "abstract methods of Law; every law defines them",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says[:50])
def test_bad_input_is_one_sentence(case, tmp_path):
    with pytest.raises(case.kind, match=case.says) as caught:
        case.call(tmp_path)
    assert "\n" not in str(caught.value)


def test_every_raise_is_triggered(tmp_path, capsys):
    folder = Path(adl.__file__).parent
    wanted: dict[tuple[str, int], str] = {}
    for path in folder.rglob("*.py"):
        module, source = str(path.relative_to(folder)), path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Raise):
                first = source.splitlines()[node.lineno - 1].strip()
                if (module, first) not in ELSEWHERE:
                    wanted[(module, node.lineno)] = first
    seen: set[tuple[str, int]] = set()
    paths = {str(path): str(path.relative_to(folder)) for path in folder.rglob("*.py")}

    def local(frame, event, _):
        if event == "line":
            seen.add((paths[frame.f_code.co_filename], frame.f_lineno))
        return local

    def trace(frame, _, __):
        return local if frame.f_code.co_filename in paths else None

    for number, case in enumerate(CASES):
        (tmp_path / str(number)).mkdir()
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            case.call(tmp_path / str(number))
        except Exception as error:
            assert isinstance(error, case.kind)
        finally:
            sys.settrace(before)
    missing = [
        f"{module}:{line}: {text}"
        for (module, line), text in sorted(wanted.items())
        if (module, line) not in seen
    ]
    assert not missing, "no case triggers:\n" + "\n".join(missing)
