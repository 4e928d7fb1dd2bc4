"""From incident reports to incidents with their causes.

``Investigation`` composes what knows the incidents (``Register``), what is known around them
(``Circumstances``), what history teaches (``Tally``) and who has to be looked at again (``Agenda``),
and judges each incident that something can have changed for, and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.core.agenda import Agenda
from pipeline.core.attribution import attribute
from pipeline.core.baselines import attribute_by_rule
from pipeline.core.building import Building
from pipeline.core.candidates import lay_out
from pipeline.core.catalogue import Catalogue
from pipeline.core.circumstances import Circumstances
from pipeline.core.delivery import Delivery
from pipeline.core.entities import Entity
from pipeline.core.events import VerdictGiven
from pipeline.core.evidence import Case
from pipeline.core.incidents import Incident
from pipeline.core.judgement import Judgement
from pipeline.core.kernel import KernelTables
from pipeline.core.learning import Learned
from pipeline.core.parameters import Parameters
from pipeline.core.references import Touched
from pipeline.core.register import Register, environment_of
from pipeline.core.tally import Tally


class Investigation:
    """The incidents of one workspace and everything they are judged by."""

    def __init__(
        self,
        parameters: Parameters,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        building: Building,
        delivery: Delivery,
    ) -> None:
        self._parameters = parameters
        self._catalogue = catalogue
        self._delivery = delivery
        self._tables = KernelTables(parameters)
        self.register = Register(parameters, families, catalogue)
        self.around = Circumstances(parameters, building, delivery, self.register)
        self.tally = Tally(parameters, self.around)
        self.agenda = Agenda(parameters, self.register, delivery.lanes)
        self.incidents = self.register.incidents
        self.learning = self.tally.learning
        #: incidents that were taken out or put in since others last asked
        self.corrected: dict[str, None] = {}

    # -- corrections ----------------------------------------------------------------------------

    def correct_verdict(self, key: str, entity: Entity) -> None:
        """A person's word came, changed or was taken back."""
        old: VerdictGiven | None = entity.summary  # type: ignore[assignment]
        events = [event for event in entity.events() if isinstance(event, VerdictGiven)]
        new = events[-1] if events else None
        entity.summary = new
        for verdict, held in ((old, False), (new, True)):
            if verdict is None:
                continue
            self.register.correct_verdict(key, verdict, held=held)
            if verdict.verdict == "ignore" and verdict.deployment:
                self._delivery.ignore(verdict.deployment, held=held)

    def update(self, touched: list[Touched]) -> None:
        """Regroup the incidents that were touched, and find those that have to be judged again."""
        taken_out, put_in = self.register.regroup(touched)
        self.corrected.update(dict.fromkeys((*taken_out, *put_in)))
        for key in taken_out:
            self.agenda.drop(key)
            self.tally.drop(key)
        self.agenda.stale.update(dict.fromkeys(put_in))
        self.agenda.hear(touched)
        self.tally.hear(touched)
        touched.clear()
        self.agenda.wake(self.around.now)
        for key in sorted(self.agenda.stale):
            incident = self.incidents[key]
            self.tally.retrace(incident, self.register.service_of(incident))
        restated = self.tally.recount()
        if restated is not None:
            self.agenda.relearn(restated, self.learning)

    def take_gone(self) -> list[Incident]:
        """The incidents that ceased to be since this was last asked."""
        gone = [incident for key, incident in self.register.gone.items() if key not in self.incidents]
        self.register.gone.clear()
        return gone

    def judge_again(self) -> Iterator[Judgement]:
        """Judge every incident that has to be looked at again, in order."""
        for key in self.agenda.in_order():
            judgement = self.judge(self.incidents[key])
            self.agenda.schedule(judgement, self.around.now)
            yield judgement

    def ripened(self) -> Iterator[Judgement]:
        """The judgements that stand and turn final."""
        for key in sorted(set(self.agenda.ripe).difference(self.agenda.stale)):
            judgement = self.agenda.standing.get(key)
            if judgement is not None:
                yield judgement

    def evict(self, before: int) -> list[str]:
        """Forget incidents that were resolved before a time; returns the keys of their reports."""
        reports: list[str] = []
        for incident in self.register.evict(before):
            self.agenda.drop(incident.key)
            self.tally.forget(incident.key)
            reports.extend(report.key for report in incident.members)
        return reports

    # -- judging --------------------------------------------------------------------------------

    def case_of(self, incident: Incident, learned: Learned, known_until: int | None = None) -> Case:
        """An incident as the model sees it, with evidence up to a moment (or all of it)."""
        return Case(
            incident=incident,
            service=self.register.service_of(incident),
            environment=environment_of(incident),
            component=incident.text("component"),
            onset=self.around.onset_of(incident, learned.delay_seconds),
            opened_at=incident.opened_at,
            resolved_at=incident.resolved_at,
            known_until=self.around.now if known_until is None else known_until,
        )

    def judge(self, incident: Incident, known_until: int | None = None) -> Judgement:
        """Attribute one incident by the model in force."""
        parameters = self._parameters
        learned = self.learning.at(self.register.service_of(incident), incident.opened_at)
        if known_until is None and not parameters.hindsight:
            known_until = incident.opened_at
        case = self.case_of(incident, learned, known_until)
        board = self._delivery.boards.get(case.environment)
        if board is not None:
            board.refresh()
        silent = self.around.silent_sources(case.service, case.onset.at)
        field = lay_out(case, board, self._catalogue, parameters)
        if parameters.model == "intensity":
            found = attribute(
                case, field, learned, self._tables, self.around, parameters, silent=bool(silent)
            )
        else:
            found = attribute_by_rule(case, field, parameters)
        return Judgement(case, learned, found, silent)
