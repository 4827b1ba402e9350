"""Failure cases of events in waves and of HyperReplay's table."""

import pandas as pd

import adl_opt as adl
from tests.failures import WAVES, Case, waved

HYPER = pd.DataFrame(
    {
        "user": ["u", "v"],
        "coin": "X",
        "time": [1000, 2000],
        "adl_price": 9.0,
        "adl_size": 1.0,
        "position_size": [-4.0, 5.0],
        "total_equity": 7.0,
    }
)


def hyper(every=60.0, equity="total_equity", **columns):
    return lambda _: adl.Waves.from_hyperreplay(HYPER.assign(**columns), every, equity)


CASES = [
    Case(
        "lacks 1 of the columns wave, account.*first 'wave'",
        lambda _: adl.Waves.from_frame(WAVES.drop(columns="wave")),
        adl.BookError,
    ),
    Case(
        "lacks .* first 'realized_closed'",
        lambda _: adl.Waves.from_frame(WAVES.drop(columns="realized_closed")),
        adl.BookError,
    ),
    Case("has the columns 'wave' and 'time'", waved(time=1), adl.BookError),
    Case("has 1 unknown column, first 'note'", waved(note="x"), adl.BookError),
    Case("the frame has no rows: an event needs", waved(WAVES.iloc[:0]), adl.BookError),
    Case("wave goes back 1 time, first in row 2 from 3 to 1", waved(wave=[3, 1, 2]), adl.BookError),
    Case(
        "1 of 3 rows have no time, first row 2",
        waved(WAVES.drop(columns="wave"), time=pd.to_datetime(["2025-10-10", None, "2025-10-11"])),
        adl.BookError,
    ),
    Case(
        "1 of 3 rows repeat a wave, account and asset, first row 2: wave 1, account 'a'",
        waved(account=["a", "a", "c"]),
        adl.BookError,
    ),
    Case(
        "2 of 3 rows have no positive price, first row 1: .*: 0 ", waved(price=[0.0, 0.0, 1.0]), adl.BookError
    ),
    Case("have another price .* first row 2: .* 5.0 and 6.0", waved(price=[5.0, 6.0, 7.0]), adl.BookError),
    Case("have another equity", waved(account=["a", "a", "c"], asset=["X", "Y", "Y"]), adl.BookError),
    Case(
        "1 of 3 rows close against their position, first row 1: .* 1 closed of -1",
        waved(realized_closed=[1.0, 0.0, 0.0]),
        adl.BookError,
    ),
    Case(
        "close more than was held, first row 3: .* 3.5 of 3.0",
        waved(realized_closed=[0.0, 0.0, 3.5]),
        adl.BookError,
    ),
    Case("there is no wave 9; there are 2, from 1 to 2", lambda p: waved()(p).book(9), adl.BookError),
    Case(
        "none of the 3 accounts has positive equity", lambda p: waved(equity=-1.0)(p).solvent(), adl.BookError
    ),
    Case("is a table of HyperReplay", lambda _: adl.Waves.from_frame(HYPER), adl.BookError),
    Case("equity = 'cash'", hyper(equity="cash"), adl.BookError),
    Case("every = 0", hyper(every=0), adl.BookError),
    Case(
        "lacks 1 of the columns user, .* first 'coin'",
        lambda _: adl.Waves.from_hyperreplay(HYPER.drop(columns="coin")),
        adl.BookError,
    ),
    Case("has 1 column unknown in HyperReplay, first 'note'", hyper(note="x"), adl.BookError),
    Case(
        "the frame has no rows: an event needs",
        lambda _: adl.Waves.from_hyperreplay(HYPER.iloc[:0]),
        adl.BookError,
    ),
    Case("1 of 2 rows go back in time, first row 2: user 'v'", hyper(time=[2000, 1000]), adl.BookError),
    Case("2 of 2 rows close nothing or less", hyper(adl_size=-1.0), adl.BookError),
    Case(
        "1 of 2 rows close more than position_size, first row 1: .* adl_size 4.5 of position_size -4",
        hyper(adl_size=4.5),
        adl.BookError,
    ),
    Case(
        "1 fills close a position on its other side within a wave, first row 2",
        hyper(user="u"),
        adl.BookError,
    ),
    Case(
        "an event is read from the path of a file, not from bytes",
        lambda _: adl.Waves.read(b"book.csv"),
        adl.BookError,
    ),
    Case(
        "from_columns takes a dict of columns, not list", lambda _: adl.Waves.from_columns([1]), adl.BookError
    ),
    Case(
        "lists of one length; their lengths are 'wave' 2, 'account' no list",
        lambda _: adl.Waves.from_columns({"wave": [1, 2], "account": "a"}),
        adl.BookError,
    ),
]
