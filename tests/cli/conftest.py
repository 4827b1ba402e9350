"""A command line run in a folder of its own, as a shell would: (exit code, stdout, stderr)."""

import sys

import pytest

import adl_opt as adl
from adl_opt.cli import app as cli

ISOLATED = "account,asset,position,price,equity\na,X,-10,1,1\nb,X,-10,1,2\nc,X,4,1,5\n"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.csv").write_text(ISOLATED, encoding="utf-8")
    (tmp_path / "broke.csv").write_text(ISOLATED + "d,X,-7,1,-3\n", encoding="utf-8")
    adl.load("cross_margin").event(4, 0).book.to_frame().to_parquet(tmp_path / "paper.parquet")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["adl-opt", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    return call
