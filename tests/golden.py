"""What must not change while the house is rebuilt: values, allocations, proofs, iterates and printed words of
about a hundred cases.

`python -m tests.golden record FILE` writes them, `python -m tests.golden compare FILE` computes them again
and says what differs: values beyond 1e-12, allocations that are unique beyond 1e-9 of the position, statuses,
proofs and words at all.
"""

import contextlib
import io
import json
import os
import re
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
from scipy import stats

import adl_opt as adl
from tests.books import cross, gaussian, isolated, scenarios
from tests.matrix import LAWS, OBJECTIVES, six_accounts

LEFT_OUT = re.compile(r"\d+\.\d+ s\b|\d+ ms\b|/tmp/\S+|0x[0-9a-f]+")  # times, places


def _solved(objective, event, law=None, **options):
    allocation = adl.Problem(objective, event, law).solve(**options)
    c = allocation.certificate
    found = {
        "objective": c.value, "bound": c.bound, "gap": c.gap, "status": c.status, "proof": c.proof,
        "measure": c.objective_name,
        "rounding": c.rounding, "reference": c.reference, "method": allocation.method,
        "unique": allocation.unique,
        "prices": allocation.shadow_prices.to_dict(), "words": str(allocation), "repr": repr(allocation),
        "amount": allocation.amount.tolist(), "held": event.held.tolist(),
    }  # fmt: skip
    first = event.book.accounts[0]
    found["explained"] = str(allocation.explain(first))
    return found


def _event(book, **need):
    return adl.Event(book, **need)


def _iterates(event, law, objective):
    """Every step and gap that the interior point tells of."""
    import adl_opt.methods.separable as separable

    said = []
    aligned = law.align(event.book.assets)
    amount, _, _ = separable.solve(
        objective, event, aligned, 1e-6, lambda step, gap: said.append((step, gap))
    )
    return {"steps": said, "amount": amount.tolist(), "held": event.held.tolist(), "unique": True}


def solves():
    rng = np.random.default_rng(7)
    law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
    nodes, paper = law.quadrature(12), adl.load("cross_margin").event(4, 0)
    cases = {}

    def add(name, objective, event, law=None, **options):
        cases[f"solve {name}"] = lambda: _solved(objective, event, law, **options)

    six = six_accounts()
    for name, objective in OBJECTIVES.items():
        add(f"conic six {name}", objective, six, LAWS["LogNormal"])
    for name, objective in list(OBJECTIVES.items())[:4] + [
        ("Power", adl.LeveragePower(3.0)),
        ("Entropic", adl.Entropic(0.01)),
    ]:
        add(f"paper {name}", objective, paper, nodes)
        one = isolated(np.random.default_rng(11), 20, 4.0)
        add(f"isolated {name}", objective, one, adl.Scenarios({"X": [-0.5, -0.1, 0.0, 0.2, 0.6]}))
    for method in ("auto", "closed-form", "separable", "conic"):
        add(
            f"method {method}",
            adl.ExpectedLoss(),
            adl.examples.random_shorts(50, 3),
            adl.LogNormal(0.9, None, 0.1).quadrature(20),
            method=method,
        )
    for kind in ("fewest-accounts", "keep-hedges", "water-filling"):
        add(f"prefer {kind}", adl.WorstCase(), paper, nodes, prefer=kind)
    cov = np.array([[0.04, 0.03], [0.03, 0.09]])
    for name, other in {
        "gaussian": adl.Gaussian(cov),
        "student": adl.StudentT(cov, dof=3),
        "lognormal": adl.LogNormal([0.6, 0.75], 0.85, 0.1),
        "factor": adl.OneFactor([1.0, 1.4], stats.t(3, scale=0.15)),
        "moves": adl.Scenarios(LAWS["Scenarios"].moves, LAWS["Scenarios"].probability),
    }.items():
        add(f"law {name}", adl.ExpectedLoss(), six, other)
    add("factor nodes", adl.ExpectedLoss() + adl.CVaR(0.9), six, LAWS["OneFactor"])
    add("factor leverage", adl.FactorLeverageSquare(), six, LAWS["OneFactor"])
    add("no law", adl.WorstCase(), adl.examples.random_shorts(30, 5))
    add("capped", adl.ExpectedLoss(), adl.Event(paper.book, short={"BTC": 6}, cap=0.5), nodes)
    add(
        "protected",
        adl.CVaR(0.9),
        adl.Event(paper.book, short={"BTC": 6}, protected=[str(paper.book.accounts[0])]),
        nodes,
    )
    many = adl.examples.book(300, 3, 3, 2)
    big = adl.Event(many, short={"C0": "30%"}, long={"C1": "20%"})
    sample = adl.Gaussian(0.02 * np.eye(3) + 0.02).sample(256, seed=3)
    for name, objective in {
        "loss": adl.ExpectedLoss(),
        "cvar": adl.CVaR(0.95),
        "worst": adl.WorstCase(),
    }.items():
        add(f"interior {name}", objective, big, sample, method="separable")
        cases[f"iterates {name}"] = lambda objective=objective: _iterates(big, sample, objective)
    for name, other in {
        "gaussian": adl.Gaussian(0.02 * np.eye(3) + 0.02),
        "lognormal": adl.LogNormal([0.9, 1.0, 1.1], 0.5, 0.05),
    }.items():
        add(f"interior {name}", adl.ExpectedLoss(), big, other, method="separable")
        cases[f"iterates {name}"] = lambda other=other: _iterates(big, other, adl.ExpectedLoss())
    for seed in range(8):
        event = cross(np.random.default_rng(seed))
        moves = scenarios(np.random.default_rng(seed), len(event.book.assets))
        add(f"random {seed}", adl.CVaR(0.8) if seed % 2 else adl.ExpectedLoss(), event, moves)
        add(f"random gaussian {seed}", adl.ExpectedLoss(), event, gaussian(rng, len(event.book.assets)))
    return cases


def rules():
    paper = adl.load("cross_margin").event(4, 0)
    shorts = adl.examples.random_shorts(40, 9)
    six = six_accounts()
    cases = {}

    def amount(policy, event):
        done = policy(event)
        return {
            "amount": done.amount.tolist(),
            "held": event.held.tolist(),
            "unique": True,
            "words": str(done),
            "repr": repr(done),
        }

    simple = ("pro_rata", "pro_rata_equity", "uniform", "gross_water_filling")
    for name in simple:
        cases[f"policy {name}"] = lambda name=name: amount(getattr(adl, name), six)
    cases["policy water_filling"] = lambda: amount(adl.water_filling, shorts)
    cases["policy factor"] = lambda: amount(lambda e: adl.factor_water_filling(e, {"X": 1.0, "Y": 1.4}), six)
    book = shorts.book.to_frame()
    book["entry_price"] = 1.1 * book["price"]
    book["margin"] = 0.1 * book["price"] * book["position"].abs()
    entered = adl.Event(adl.Book.from_frame(book), short={"BTC": float(shorts.required[0])})
    for name in (
        "bitmex",
        "binance",
        "aster",
        "okx",
        "bybit",
        "hyperliquid",
        "kucoin",
        "bitget",
        "coinex",
        "bluefin",
        "ethereal",
        "dydx",
        "leverage_queue",
    ):
        cases[f"exchange {name}"] = lambda name=name: amount(adl.policy(name), entered)
    cases["range"] = lambda: {
        "words": adl.optimal_range(adl.Problem(adl.WorstCase(), paper, _nodes())).to_string()
    }
    cases["compare"] = lambda: {
        "words": adl.compare(
            paper, _nodes(), [adl.pro_rata, adl.gross_water_filling], [adl.ExpectedLoss(), adl.CVaR(0.9)]
        ).to_string()
    }
    cases["certify"] = lambda: {
        "words": str(adl.certify(adl.ExpectedLoss(), paper, _nodes(), adl.pro_rata(paper)))
    }
    whole = shorts.with_requirement(short={"BTC": 3740.353})
    cases["lots"] = lambda: {"words": str(adl.round_to_lots(adl.water_filling(whole), {"BTC": 0.001}))}
    cases["burden"] = lambda: {"words": str(adl.burden(adl.pro_rata(paper), float(paper.book.price[0])))}
    cases["sweep"] = lambda: {
        "words": adl.Problem(adl.ExpectedLoss(), paper, _nodes()).sweep(short={"BTC": [1, 5, 10]}).to_string()
    }
    cases["axioms"] = lambda: {
        "words": str(adl.axioms.check(adl.pro_rata, books=40)) if hasattr(adl.axioms, "check") else ""
    }
    cases["values"] = lambda: {
        "words": " ".join(
            f"{adl.certify(o, paper, _nodes(), adl.pro_rata(paper)).value:.15g}"
            for o in (adl.MeanVariance(1.0), adl.MeanDeviation(0.5), adl.MeanSemideviation(0.5))
        )
    }
    cases["models"] = lambda: {
        "words": "\n".join(
            str(adl.load(name)) + str(adl.load(name).objective)
            for name in sorted(n.stem for n in Path("models").glob("*.py"))
        )
    }
    return cases


def _nodes():
    return adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(8)


def _command(words):
    from adl_opt.cli import app as cli

    out, err = io.StringIO(), io.StringIO()
    kept, sys.argv = sys.argv, ["adl-opt", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = kept
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def commands():
    law = "--volatility BTC=0.6 --volatility ETH=0.75 --correlation 0.85 --horizon 10/365"
    lines = [
        "demo --force", "--help", "--version", "models", "solve --help", "compare --help", "replay --help",
        "stress --help",
        "axioms --help", "range --help", "verify --help", "generate --help", "twin --help",
        "solve book.csv --short X=6", "solve book.csv --short X=6 --explain a --explain c",
        "solve book.csv --short X=9% --model leverage_square",
        "solve broke.csv --short X=6", "solve broke.csv --short X=6 --solvent",
        "solve book.csv --short X=600", "solve book.csv --short Y=1",
        f"solve paper.parquet --short BTC=10 {law} --quadrature 12",
        f"solve paper.parquet --short BTC=10 {law} --sample 256 --method conic",
        f"solve paper.parquet --short BTC=10 {law} --quadrature 12 --model cvar --set level=0.9 --prefer "
        "keep-hedges",
        f"solve paper.parquet --short BTC=10 {law} --quadrature 12 --method closed-form",
        "solve paper.parquet --short BTC=10",
        f"solve paper.parquet --short BTC=10 {law} --law gaussian",
        f"solve paper.parquet --short BTC=10 {law} --law student --dof 4",
        f"solve paper.parquet --short BTC=10 {law} --cap 50% --protect A --quadrature 8",
        f"range paper.parquet --short BTC=10 {law} --quadrature 8",
        f"compare paper.parquet --short BTC=10 {law} --quadrature 8",
        "compare book.csv --short X=6 --policy uniform", "axioms bybit",
        "stress paper.parquet --move BTC=60% --move ETH=70%", "stress paper.parquet --move BTC=x",
        "verify pro_rata", "verify nonsense",
        "generate made.csv --accounts 20 --force", "twin twin.csv --scale 1% --force",
        "replay twin.csv --policy pro_rata --policy realized",
        "solve book.csv --short X=6 -o out.json --force",
        "replay --twin --scale 1% --policy gross_water_filling --policy uniform",
        "solve nothing.csv --short X=6",
        "solve book.csv --short X=6 --volatility 0.5 --horizon 10/365 --scenarios moves.csv",
    ]  # fmt: skip
    return {f"command {line}": lambda line=line: _command(line.split()) for line in lines}


def computed() -> dict:
    os.environ["COLUMNS"] = "100"
    cases, found = {**solves(), **rules(), **commands()}, {}
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        (Path(folder) / "models").symlink_to(home / "models")
        isolated_book = "account,asset,position,price,equity\na,X,-10,1,1\nb,X,-10,1,2\nc,X,4,1,5\n"
        Path("book.csv").write_text(isolated_book, encoding="utf-8")
        Path("broke.csv").write_text(isolated_book + "d,X,-7,1,-3\n", encoding="utf-8")
        adl.load("cross_margin").event(4, 0).book.to_frame().to_parquet("paper.parquet")
        for name, case in cases.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    found[name] = json.loads(json.dumps(case(), default=float))
                except Exception as error:  # an error is a result too
                    found[name] = {"error": type(error).__name__, "words": str(error)}
                    if not isinstance(error, adl.AdlError):
                        found[name]["trace"] = traceback.format_exc()[-600:]
        os.chdir(home)
    return found


def differences(before, after, path="") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        said = [f"{path}: {sorted(set(before) ^ set(after))}"] if set(before) ^ set(after) else []
        for key in before.keys() & after.keys():
            if key in ("amount", "held") and "held" in before:
                continue
            if key != "trace":
                said += differences(before[key], after[key], f"{path}/{key}")
        if "held" in before and before.get("unique") is True and "amount" in after:
            held = np.maximum(np.array(before["held"]), 1e-300)
            worst = float(
                (np.abs(np.array(before["amount"]) - np.array(after["amount"])) / held).max(initial=0.0)
            )
            said += [f"{path}/amount: {worst:.3g} of a position"] if worst > 1e-9 else []
        return said
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return [f"{path}: {len(before)} -> {len(after)} entries"]
        return [
            said for k, pair in enumerate(zip(before, after)) for said in differences(*pair, f"{path}[{k}]")
        ]
    if isinstance(before, float) and isinstance(after, (float, int)):
        small = path.rsplit("/", 1)[-1] in ("gap", "rounding") or "/steps" in path
        close = abs(before - after) <= (
            1e-13 + 1e-3 * abs(before) if small else 1e-12 * max(abs(before), abs(after))
        )
        return [] if close or (before != before and after != after) else [f"{path}: {before!r} -> {after!r}"]
    if isinstance(before, str) and isinstance(after, str):
        before, after = LEFT_OUT.sub("~", before), LEFT_OUT.sub("~", after)
    return [] if before == after else [f"{path}:\n  {str(before)[:1500]}\n->{str(after)[:1500]}"]


if __name__ == "__main__":
    action, file = sys.argv[1], Path(sys.argv[2]).resolve()
    results = computed()
    if action == "record":
        file.write_text(json.dumps(results), encoding="utf-8")
        wrong = [name for name, result in results.items() if "trace" in result]
        print(f"{len(results)} cases recorded; {len(wrong)} raised what is not ours: {wrong}")
    else:
        kept = json.loads(file.read_text(encoding="utf-8"))
        found = differences(kept, results)
        print("\n".join(found) or f"{len(results)} cases: nothing differs")
        sys.exit(bool(found))
