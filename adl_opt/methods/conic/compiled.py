"""An objective under a law, compiled once for each set of legs to decide and solved for any requirement."""

import threading
from typing import TYPE_CHECKING, Any

from adl_opt.certificates.certificate import MATERIAL, Certificate
from adl_opt.certificates.values_seen import Valued, key_of
from adl_opt.data.event import Event
from adl_opt.laws.base import Law
from adl_opt.methods.conic.own_variables import Trial
from adl_opt.methods.conic.scaling import Scales, scales_of
from adl_opt.objectives.base import Objective
from adl_opt.threads import alone

if TYPE_CHECKING:
    from adl_opt.constraints.constrained import Constrained
    from adl_opt.methods.conic.possible import Relaxation
    from adl_opt.methods.conic.program import Program


class Compiled:
    """Programs of an objective under a law (aligned, or None), with what was tried and seen of it (§17).

    Copies, by pickle or `copy`, compile anew: neither locks nor programs travel.
    """

    def __init__(self, objective: Objective, law: Law | None) -> None:
        self.objective, self.law = objective, law
        self.lock = threading.RLock()
        self.trials: dict[bytes, Trial] = {}
        self.valued = Valued()
        self.relaxations: dict[bytes, Relaxation] = {}
        self._programs: dict[tuple[bytes, ...], Program] = {}
        self._scaled: tuple[Event, Scales] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"objective": self.objective, "law": self.law}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def beside(self, objective: Objective) -> "Compiled":
        """Another objective with the same terms of a user's, which are tried once for both."""
        other = Compiled(objective, self.law)
        other.trials = self.trials
        return other

    @alone
    def program(self, event: Event) -> "Program":
        """The compiled program of the legs that this event leaves to be decided."""
        from adl_opt.methods.conic.program import Program

        limits = event.size.tobytes() if event.capped else b""
        key = (event.side.tobytes(), event.free.tobytes() + event.fixed_fraction.tobytes() + limits)
        if key not in self._programs:
            self._programs[key] = Program(self.objective, event, self.law)
        return self._programs[key]

    @alone
    def of_limits(self, event: Event, limits: "Constrained") -> "Program":
        """The program of the constraints alone, which needs no program of the objective."""
        from adl_opt.methods.conic.possible import Nothing
        from adl_opt.methods.conic.program import Program

        key = (key_of(event),)
        if key not in self._programs:
            self._programs[key] = Program(limits.over(Nothing()), event, self.law)
        return self._programs[key]

    @alone
    def possible(self, event: Event, limits: "Constrained") -> "Relaxation":
        """The least relaxation of the constraints, once for each requirement. Raises InfeasibleError where
        no allocation holds them, SolveError if no solver tells.
        """
        from adl_opt.methods.conic.possible import least_relaxation, refuse_impossible

        key = key_of(event)
        if key not in self.relaxations:
            self.relaxations[key] = least_relaxation(self.of_limits(event, limits), limits, event, self.law)
        refuse_impossible(self.relaxations[key], limits, event)
        return self.relaxations[key]

    def scales(self, event: Event) -> Scales:
        """The units of the event's program, kept for the event last asked about."""
        kept = self._scaled
        if kept is None or kept[0] is not event:
            kept = self._scaled = event, scales_of(self.objective, event, self.law)
        return kept[1]

    def unit_near(self, event: Event, optimum: Certificate) -> float:
        """What counts as 1 in a program near an optimum: its value, where a program can tell that from 0."""
        value = max(abs(optimum.value), MATERIAL * abs(optimum.reference))
        return value or self.scales(event).reference

    def trial(self, event: Event) -> Trial | None:
        """§17 for objectives with variables of their own, once for each requirement; None where there are
        none. Raises ObjectiveError.
        """
        key = key_of(event)
        if key not in self.trials and (rows := self.program(event).own_rows) is not None:
            trial = Trial(event, self.law, rows, self.scales(event).reference)
            trial.run()
            self.trials[key] = trial
            if rows.objective is self.objective:
                self.valued.note(event, trial.lowest, "an allocation tried")
        return self.trials.get(key)
