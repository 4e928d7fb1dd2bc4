"""What `examples/follow_attributions.py` prints is what the tables hold, with nothing of ours in between."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.codec.schemas import FACTS
from pipeline.correlate import Correlator
from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.kafka import KafkaLog, KafkaSettings
from pipeline.log.protocol import NewRecord
from pipeline.publish import Publisher
from pipeline.registry import Registry, known, register
from tests.kafka import servers
from tests.kafka.registries import emptied
from tests.places import ACME, Place, history
from tests.runs import PARAMETERS
from tests.worlds import incident, judged

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "examples" / "follow_attributions.py"
FOLLOW_SECONDS_MAX = 60


@pytest.fixture
def registry() -> Iterator[Registry]:
    with emptied() as found:
        register(found)
        yield found


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn) as opened:
        yield opened


def test_attributions_can_be_followed(
    log: KafkaLog, settings: KafkaSettings, registry: Registry, place: Place
) -> None:
    for topic, compacted in CLUSTER_TOPICS.items():
        log.create_topic(topic, compacted=compacted)
    events, facts = known(registry), known(registry, FACTS)
    codec = Codec(events.schemas, events.ids)
    # an incident that a person then calls a part of another one: its rows go
    first = [*history(), incident("k1", 24 * 8)]
    told = [*first, judged("k1", 24 * 8 + 1, "merge", other_incident="i2")]
    for part in (first, told[len(first) :]):
        log.append("events", 0, [NewRecord(ACME.encode(), value) for value in codec.encode(part)])
        publisher = Publisher(log, FactCodec(ids=facts.ids, schemas=facts.schemas))
        Correlator(log, codec, publisher, PARAMETERS, 20).run()

    place.append(told)
    place.correlate()
    expected = {
        f"{ACME}\t{incident}\t{candidate}\t{probability:.4f}"
        for incident, candidate, probability in place.store.query(
            "SELECT incident, candidate, probability FROM attributions FINAL"
        ).rows
    }
    assert len(expected) > 5

    command = [sys.executable, str(EXAMPLE), "--bootstrap", servers.bootstrap()]
    command += ["--registry", servers.registry(), "--prefix", settings.prefix, "--until-end"]
    followed = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=FOLLOW_SECONDS_MAX,
        check=False,
        cwd=place.path.parent,
    )
    assert followed.returncode == 0, followed.stderr
    standing: dict[str, str] = {}
    gone = 0
    for line in followed.stdout.splitlines():
        sign, _, row = line.partition("\t")
        key = row.rpartition("\t")[0]
        gone += sign == "-"
        if sign == "+":
            standing[key] = row
        else:
            del standing[key]
    assert set(standing.values()) == expected
    assert gone > 0
