"""Another number of partitions: by way of a file, as docs/cluster.md tells, and never on the same topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from pipeline.cli.exits import Exit
from pipeline.core.events import Event
from tests.cluster.processes import cluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]


def test_from_one_to_four(
    tmp_path: Path, bootstrap: str, workspaces: Mapping[str, Sequence[Event]], undisturbed: dict[str, Any]
) -> None:
    name = min(workspaces, key=lambda each: len(workspaces[each]))
    file = tmp_path / "events.jsonl.gz"
    (tmp_path / "one").mkdir()
    (tmp_path / "four").mkdir()
    with cluster(tmp_path / "one", bootstrap, 1) as one:
        one.append(name, workspaces[name])
        done = one.run("export", "--workspace", name, str(file))
        assert done.returncode == Exit.OK, done.stderr
    with cluster(tmp_path / "four", bootstrap, 4) as four:
        four.start_steps()
        done = four.run("replay", "--workspace", name, "--as-received", str(file))
        assert done.returncode == Exit.OK, done.stderr
        four.wait_until_done()
        assert four.held([name]) == {name: undisturbed[name]}
        four.stop()


def test_partitions_that_were_added_are_refused(tmp_path: Path, bootstrap: str) -> None:
    with cluster(tmp_path, bootstrap, 1) as made:
        admin = AdminClient(made.settings.client())
        added = admin.create_partitions([NewPartitions(made.settings.topic("events"), 3)])
        for answer in added.values():
            answer.result(30)
        for step in ("correlate", "sink", "normalize"):
            done = made.run(step, "--listen", "127.0.0.1:0")
            assert done.returncode == Exit.DATA, (step, done.stderr)
            assert "events 3" in done.stderr
            assert "never on topics that are in use" in done.stderr
