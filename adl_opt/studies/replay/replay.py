"""A real event replayed wave by wave: what each policy would have done on the state that it left itself,
beside what was realized (see state.py).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from adl_opt import html
from adl_opt.arrays import TINY, Array, Index
from adl_opt.data.waves import Waves
from adl_opt.errors import AdlError, EventError
from adl_opt.executors import check_executor, mapped
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.objectives.words import unit_of
from adl_opt.policies.base import Policy
from adl_opt.policies.realized import realized
from adl_opt.policies.registry import default_policies
from adl_opt.progress import counted
from adl_opt.studies.compare import check_law, named, rules
from adl_opt.studies.replay.state import State, Tape
from adl_opt.text import several, two_lines

if TYPE_CHECKING:
    import pandas as pd

REALIZED = "realized"
UNITS = {
    "required": "quote currency", "missing": "quote currency", "overtaken": "quote currency",
    "dropped": "quote currency", "accounts": "number", "touched": "accounts",
    "wholly_closed": "accounts", "contracts_closed": "contracts, of all assets",
    "notional_closed": "quote currency", "leverage_max": "x of equity, gross",
    "leverage_p99": "x of equity, gross", "leverage_median": "x of equity, gross",
    "elsewhere": "fraction of the required notional",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Replay:
    """What policies would have done in an event, wave by wave; made by `replay`.

    `waves`: the event; `frame`: see `to_frame`; `required`: wave, asset, side, required (contracts), and what
    each policy could not find ("missing <policy>").

    >>> result = adl.replay(adl.examples.twin(scale=0.005), ["pro_rata"])
    >>> result.total()["touched"].to_dict()  # accounts
    {'realized': 97, 'pro_rata': 97}
    """

    waves: Waves
    frame: pd.DataFrame
    required: pd.DataFrame
    _closed: dict[str, list[tuple[Index, Array]]]
    _legs: Index

    def to_frame(self) -> pd.DataFrame:
        """A table, a line a wave and policy, "realized" first; units in `attrs["units"]`.

        - required, missing (the requirement beyond what the policy's accounts still held; below 1e-9 of it,
          or 1e-13 of all that was ever held of the asset, it is rounding and not counted), overtaken, dropped
          (what a policy held more than reality of positions that the data then show on the other side):
          notional, quote currency
        - accounts: in the book of the wave; touched, wholly_closed: how many of them closed something, or
          everything (1e-12 of what a position ever was is nothing)
        - contracts_closed; notional_closed (quote currency); leverage_max, leverage_p99, leverage_median:
          gross, after, over the accounts of the book (closed ones have 0)
        - elsewhere: half the distance (sum of absolute differences of notional) between what was closed and
          what was realized, with what is missing as a place of its own, over the required: 0 the same, 1
          wholly different
        - with a law, each measure after the wave, and its certified gap

        >>> result = adl.replay(adl.examples.twin(scale=0.001), ["pro_rata"])
        >>> result.to_frame()["policy"].unique().tolist()
        ['realized', 'pro_rata']
        """
        return self.frame

    def closed(self, policy: str) -> pd.DataFrame:
        """What one policy closed: a table wave, account, asset, closed (contracts, signed like the position).

        `policy`: its name, or "realized"; what closes nothing is left out. Raises AdlError for another name.

        >>> result = adl.replay(adl.examples.twin(scale=0.001), ["pro_rata"])
        >>> result.closed("pro_rata").columns.tolist()
        ['wave', 'account', 'asset', 'closed']
        """
        from adl_opt.table import with_units

        if policy not in self._closed:
            raise AdlError(f"{policy!r} was not replayed; there are {', '.join(self._closed)}")
        waves, d = self.waves, len(self.waves.assets)
        parts = self._closed[policy]
        leg = self._legs[np.concatenate([legs for legs, _ in parts])]
        return with_units(
            {
                "wave": np.repeat(np.array(waves.labels, dtype=object), [len(legs) for legs, _ in parts]),
                "account": waves.accounts[leg // d],
                "asset": np.array(waves.assets, dtype=object)[leg % d],
                "closed": np.concatenate([closed for _, closed in parts]),
            }
        ).infer_objects()

    def total(self) -> pd.DataFrame:
        """A table over all waves, a line a policy.

        Notional closed, missing, overtaken and dropped (quote currency), accounts touched, leverage after the
        last wave (x of equity), elsewhere by position (as in `to_frame`).

        >>> result = adl.replay(adl.examples.twin(scale=0.005), ["pro_rata"])
        >>> result.total()["elsewhere"].round(2).to_dict()
        {'realized': 0.0, 'pro_rata': 0.09}
        """
        from adl_opt.table import with_units

        lines = []
        for name, group in self.frame.groupby("policy", sort=False):
            last = group.iloc[-1]
            line = {
                "policy": name,
                **{c: group[c].sum() for c in ("notional_closed", "missing", "overtaken", "dropped")},
            }
            line["touched"] = self.closed(str(name))["account"].nunique()
            line |= {c: last[c] for c in ("leverage_max", "leverage_p99", "leverage_median")}
            line["elsewhere"] = (group["elsewhere"] * group["required"]).sum() / max(
                group["required"].sum(), TINY
            )
            lines.append(line)
        return with_units(lines, UNITS).set_index("policy")

    def __repr__(self) -> str:
        rules = several(self._closed, 6)
        return two_lines(f"Replay({len(self.waves.labels)} waves, policies {rules}; {self.waves!r})")

    def _repr_html_(self) -> str:
        return html.panel(f"Replay of {len(self.waves.labels)} waves", self.total().to_panel())


def replay(
    waves: Waves,
    policies: Sequence[Policy | str] | None = None,
    law: Law | None = None,
    measures: Sequence[Objective] | None = None,
    prove: bool = False,
    progress: bool = True,
    executor: Executor | None = None,
) -> Replay:
    """Each policy on every wave of a real event, on its own carried-forward state, beside what was realized.

    - `waves`: Waves
    - `policies`: as of `compare`; an asset that was closed on both sides in one wave is two events: shorts
      first, then longs
    - `measures`: objectives valued after each wave under `law` (default: ExpectedLoss, if there is a law);
      "<measure> gap" is the relative distance to the proved optimum of that wave on the policy's own state:
      in isolated margin always, in cross margin if `prove` (a solve a wave and policy), nan otherwise and
      after two events
    - `progress`: a bar on a terminal, where it takes longer than a second; `executor`: as in `sweep`, a
      policy each

    Returns a Replay; `adl_opt/studies/replay/state.py` says how state is carried, and what is ignored. Raises
    EventError for accounts without positive equity (§8), SolveError naming the wave where a policy fails,
    AllocationError where one does not clear.

    >>> result = adl.replay(adl.examples.twin(scale=0.001), ["pro_rata", "gross_water_filling"])
    >>> result.to_frame().shape[0]  # 9 waves, each realized and by two policies
    27
    """
    from adl_opt.table import with_units

    check_executor("replay", executor)
    _check(waves)
    check_law("replay", law)
    chosen = _chosen(waves, rules("replay", policies, measures))
    wanted = list(measures) if measures is not None else [] if law is None else [ExpectedLoss()]
    aligned = None if law is None else law.for_book(waves)
    walk = partial(_walked, waves, aligned, wanted, prove)
    if executor is None:
        steps = walk(chosen, progress)
    else:
        alone = [{name: policy} for name, policy in chosen.items()]
        apart = mapped(walk, alone, executor, "replaying policies", progress, ", ".join)
        steps = [dict(ChainMap(*wave)) for wave in zip(*apart)]
    lines = [
        {"wave": label, "policy": name, **wave[name].line}
        for label, wave in zip(waves.labels, steps)
        for name in chosen
    ]
    required = [
        line
        for label, wave in zip(waves.labels, steps)
        for line in _required(waves, label, {name: wave[name] for name in chosen})
    ]
    closed = {name: [wave[name].closed for wave in steps] for name in chosen}
    frame = with_units(lines, UNITS | {str(measure): unit_of(measure) for measure in wanted})
    contracts = {name: "contracts" for line in required for name in line if name.startswith("missing ")}
    asked = with_units(required, {"required": "contracts", **contracts})
    return Replay(waves, frame, asked, closed, Tape(waves).legs)


class _Step(NamedTuple):
    """One policy in one wave: its line, what it closed (numbers of legs, contracts), what was required and
    what it misses, (2, d) contracts; it travels between processes.
    """

    line: dict[str, Any]
    closed: tuple[Index, Array]
    need: Array
    missing: Array


def _walked(
    waves: Waves,
    law: Law | None,
    measures: list[Objective],
    prove: bool,
    policies: dict[str, Policy | None],
    progress: bool | None = None,
) -> list[dict[str, _Step]]:
    """What each policy does, wave by wave."""
    tape = Tape(waves)
    states = {name: State(len(tape.legs)) for name in policies}
    steps = []
    with counted(range(len(waves.labels)), "replaying waves", progress) as numbers:
        for w in numbers:
            tape.turn(w)
            need, wave = tape.required(), {}
            for name, policy in policies.items():
                where = f"{name} in wave {waves.labels[w]}"
                done = states[name].step(tape, where, policy, need, law, measures, prove)
                hit = np.flatnonzero(done.closed)
                wave[name] = _Step(done.line, (tape.seen[hit], done.closed[hit]), need, done.missing)
            steps.append(wave)
    return steps


def _required(waves: Waves, label: Any, steps: dict[str, _Step]) -> list[dict[str, Any]]:
    """A line a side and asset of a wave: what was required, and what each policy left missing."""
    lines, need = [], steps[REALIZED].need
    for side, asset in zip(*np.nonzero(need)):
        said = {"wave": label, "asset": waves.assets[asset], "side": ("short", "long")[side]}
        short = {
            f"missing {name}": step.missing[side, asset] for name, step in steps.items() if name != REALIZED
        }
        lines.append({**said, "required": need[side, asset], **short})
    return lines


def _chosen(waves: Waves, given: list[Policy] | None) -> dict[str, Policy | None]:
    """The policies by name; what was realized is always there, as None."""
    chosen: dict[str, Policy | None] = {REALIZED: None}
    positions = len(np.unique(waves.account * len(waves.assets) + waves.asset))
    isolated = positions == len(np.unique(waves.account))
    for policy in default_policies(isolated) if given is None else given:
        if policy is realized:
            continue
        if named(policy) in chosen:
            raise AdlError(
                f"two policies are named {named(policy)!r} ('realized' is what was realized); give them "
                "names that tell them apart"
            )
        chosen[named(policy)] = policy
    return chosen


def _check(waves: object) -> None:
    if not isinstance(waves, Waves):
        raise AdlError(
            f"replay takes Waves, not {type(waves).__name__}: adl.Waves.read(path) or "
            "adl.Waves.from_frame(frame)"
        )
    broke = np.flatnonzero(waves.equity <= 0)
    if broke.size:
        j, count = int(broke[0]), len(np.unique(waves.account[broke]))
        raise EventError(
            f"{count:,} of {len(waves.accounts):,} accounts have no positive equity in some wave, first "
            f"{waves.accounts[waves.account[j]]!r} with "
            f"{waves.equity[j]:.6g} in wave {waves.labels[waves.wave[j]]}; waves.solvent() (--solvent on "
            "the command line) keeps the others (§8)"
        )
