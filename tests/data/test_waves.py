"""Events in waves: files, timestamps, who leaves, isolated margin."""

import pandas as pd
import pytest

import adl_opt as adl
from tests.waves import TWO, waves


def test_files_and_timestamps(tmp_path):
    given = adl.examples.twin(3, 0.002)
    for name in ("w.csv", "w.parquet"):
        table = given.to_frame()
        table.to_csv(tmp_path / name, index=False) if name.endswith("csv") else table.to_parquet(
            tmp_path / name
        )
        again = adl.Waves.read(tmp_path / name)
        assert again.to_frame().equals(table) and again.labels == given.labels
    stamped = given.to_frame().rename(columns={"wave": "time"})
    stamped["time"] = pd.Timestamp("2025-10-10 21:15:00") + pd.to_timedelta(stamped["time"], unit="min")
    assert str(adl.Waves.from_frame(stamped).labels[0]).startswith("2025-10-10 21:16:00")
    with pytest.raises(adl.BookError, match="there is no wave 99"):
        given.book(99)


def test_accounts_without_equity_leave_with_all_their_rows():
    given = waves(*TWO, (3, "b", "X", -6.0, -1.0, 2.0, -6.0), (3, "c", "Y", -1.0, 4.0, 2.0, -1.0))
    with pytest.raises(adl.EventError, match=r"1 of 3 accounts .* first 'b' with -1 in wave 3"):
        adl.replay(given)
    kept = given.solvent()
    assert (
        kept.to_frame()["account"].tolist() == ["a", "c", "c"]
        and kept.labels == (1, 2, 3)
        and kept.assets == ("X", "Y")
    )
    assert given.insolvent().to_numpy().tolist() == [["b", -1.0, 20.0]]
    assert adl.replay(kept, [adl.pro_rata]).total().loc["pro_rata", "missing"] == 0


def test_isolated_margin_shares_the_equity():
    given = waves(
        (1, "a", "X", -10.0, 6.0, 1.0, -1.0),
        (1, "a", "Y", 5.0, 6.0, 4.0, 0.0),
        (1, "b", "X", -2.0, 1.0, 1.0, 0.0),
    )
    alone = given.isolated()
    assert alone.accounts.tolist() == ["a:X", "a:Y", "b:X"] and alone.equity.tolist() == pytest.approx(
        [2.0, 4.0, 1.0]
    )
    assert alone.book(1).isolated and alone.book(1).leverage.tolist() == pytest.approx([5.0, 5.0, 2.0])
