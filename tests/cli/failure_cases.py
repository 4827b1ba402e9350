"""Failure cases of the command line."""

from pathlib import Path

from adl_opt.cli import app as cli
from adl_opt.cli import output, parsing
from tests.failures import PAPER, TIDY, Case


def command(line: str):
    """A command line in `folder`, where book.csv, cross.csv and empty.csv lie; AdlError is what main() turns
    into exit 2.
    """

    def call(folder):
        TIDY.iloc[:2].to_csv(folder / "book.csv", index=False)
        PAPER.book.to_frame().to_csv(folder / "cross.csv", index=False)
        (folder / "empty.csv").write_text("", encoding="utf-8")
        words = [
            str(folder / word) if word.endswith((".csv", ".json", ".txt")) else word for word in line.split()
        ]
        return cli.app(words, standalone_mode=False)

    return call


LAWS = "--volatility all=0.8 --horizon 1/365"

CASES = [
    Case(
        "leave out --short and --long",
        lambda _: parsing.event_of(Path("book.csv"), ["X=1"], None, False, True),
    ),
    Case("there is no policy 'nope'", command("axioms nope")),
    Case("a file of waves or --twin", command("replay")),
    Case("a file of waves or --twin", command("replay book.csv --twin")),
    Case("there is no policy 'first'", command("replay --twin --scale 0.001 --policy first")),
    Case("say --force", command("twin book.csv")),
    Case("write ASSET=NUMBER", command("solve book.csv --short X")),
    Case(
        "--subject-to .leverage.: write leverage=3",
        command("solve book.csv --short X=1 --subject-to leverage"),
    ),
    Case("uniform ranks nobody; lights are of exchanges'", command("lights book.csv --policy uniform")),
    Case("--reach asks about one account", command("lights book.csv --policy leverage_queue --reach")),
    Case("the book has no account 'z'", command("lights book.csv --policy leverage_queue --account z")),
    Case("the book has no column realized_closed", command("identify book.csv")),
    Case("write ASSET=NUMBER, such as BTC=-0.15", command("stress book.csv --move X")),
    Case("say --force", command("stress book.csv --move X=-0.1 -o book.csv")),
    Case("the move names 'Z'", command("stress book.csv --move Z=-0.1")),
    Case("--fund: 'rich' is not a number", command("stress book.csv --move X=-0.1 --fund rich")),
    Case(
        "write PARAMETER=NUMBER, such as level=0.99",
        command("solve book.csv --short X=1 --model cvar --set level"),
    ),
    Case("names 'X' twice", command("solve book.csv --short X=1 --short X=2")),
    Case("'1/0' is not a number", command("solve book.csv --short X=1/0")),
    Case("in cross margin needs a law", command("solve cross.csv --short BTC=1")),
    Case("in cross margin needs a law", command("range cross.csv --short BTC=1")),
    Case(r"level = 2.0: ", command("solve book.csv --short X=1 --model cvar --set level=2")),
    Case(
        r"spectral weights decrease",
        command("solve book.csv --short X=1 --model spectral --set weights=0.6,0.4"),
    ),
    Case(
        r"CVaR.level=0.95. has the parameters level",
        command("solve book.csv --short X=1 --model cvar --set aversion=2"),
    ),
    Case("is a law by itself", command("solve book.csv --short X=1 --scenarios empty.csv --horizon 1")),
    Case("cap = 2.0: ", command("solve book.csv --short X=1 --cap 2")),
    Case("--cap: 'half' is not a number", command("compare book.csv --short X=1 --cap half")),
    Case("of protected are not in the book", command("solve book.csv --short X=1 --protect nobody")),
    Case("needs --volatility", command("solve book.csv --short X=1 --horizon 1")),
    Case("needs --horizon", command("solve book.csv --short X=1 --volatility 1")),
    Case("the book has 2 assets", command("solve cross.csv --short BTC=1 --volatility 1 --horizon 1")),
    Case(
        "--law 'normal' is not known",
        command("solve book.csv --short X=1 --volatility 1 --horizon 1 --law normal"),
    ),
    Case("needs --dof", command("solve book.csv --short X=1 --volatility 1 --horizon 1 --law student")),
    Case(
        "more than 2 degrees",
        command("solve book.csv --short X=1 --volatility 1 --horizon 1 --law student --dof 2"),
    ),
    Case(
        "choose one",
        command("solve book.csv --short X=1 --volatility 1 --horizon 1 --quadrature 3 --sample 3"),
    ),
    Case(
        "empty.csv' is empty: it needs a header", command("solve book.csv --short X=1 --scenarios empty.csv")
    ),
    Case("ExpectedLoss has no parameters", command("solve book.csv --short X=1 --set level=1")),
    Case("say --force", command("solve book.csv --short X=1 -o book.csv")),
    Case("the folder of .* does not exist", command("solve book.csv --short X=1 -o none/out.csv")),
    Case(
        "is a folder; name a file",
        lambda p: ((p / "o.csv").mkdir(), command("solve book.csv --short X=1 --force -o o.csv")(p)),
    ),
    Case("cannot be written", lambda _: output.write_frame(TIDY, Path("/proc/none/o.csv"))),
    Case("its ending must be one of", command("solve book.csv --short X=1 -o out.txt")),
    Case("--move is one scenario and a law many", command(f"stress book.csv --move X=1% {LAWS}")),
    Case("--plot draws a stress over scenarios; give a law", command("stress book.csv --plot s.png")),
]
