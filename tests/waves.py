"""Events in waves for tests: by hand and at random, and what a replay of them says."""

import pandas as pd

import adl_opt as adl

COLUMNS = ["wave", "account", "asset", "position", "equity", "price", "realized_closed"]


def waves(*rows) -> adl.Waves:
    return adl.Waves.from_frame(pd.DataFrame(list(rows), columns=COLUMNS))


TWO = (
    (1, "a", "X", -10.0, 5.0, 1.0, -10.0),
    (1, "b", "X", -10.0, 10.0, 1.0, 0.0),
    (2, "b", "X", -10.0, 10.0, 2.0, -4.0),
    (2, "c", "X", -8.0, 4.0, 2.0, 0.0),
)


def line(result, wave, policy):
    table = result.to_frame()
    return table[(table["wave"] == wave) & (table["policy"] == policy)].iloc[0]


def amounts(result, policy, wave):
    table = result.closed(policy)
    part = table[table["wave"] == wave]
    return dict(zip(part["account"] + part["asset"], part["closed"]))


def random_waves(rng) -> adl.Waves:
    """Some accounts listed again, some trading on their own in between (sides kept or not), both sides of an
    asset closed in one wave.
    """
    n, d, rows = int(rng.integers(2, 9)), int(rng.integers(1, 4)), []
    equity = 10 ** rng.uniform(-3, 3, n)
    for w in range(int(rng.integers(1, 6))):
        price = 10 ** rng.uniform(-2, 2, d)
        for i in range(n):
            for k in range(d):
                if rng.random() < 0.6 or not rows:
                    position = rng.normal() * equity[i] / price[k] * (rng.random() > 0.1)
                    rows.append(
                        (
                            w,
                            f"a{i}",
                            f"X{k}",
                            position,
                            equity[i],
                            price[k],
                            position * rng.choice([0.0, 1.0, rng.random()]),
                        )
                    )
    return waves(*rows)
