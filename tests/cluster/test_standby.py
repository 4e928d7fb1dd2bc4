"""Two processes that stand by for each other: when one is killed, the other goes on with what it holds."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.exits import Exit
from pipeline.core.events import Event
from tests.cluster.histories import pieces
from tests.cluster.processes import DONE_SECONDS_MAX, Cluster, cluster
from tests.live.process import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 2


def number(process: subprocess.Popen[bytes], name: str) -> float:
    """A number of a process, as its own metrics tell it; -1 before they answer."""
    arguments = process.args
    assert isinstance(arguments, list)
    address = arguments[arguments.index("--listen") + 1]
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            told = answer.read().decode()
    except OSError:
        return -1
    found = re.search(rf"^aftermerge_\w*{re.escape(name)} (\S+)$", told, re.M)
    return float(found[1]) if found else -1


def wait_until_warm(made: Cluster, process: subprocess.Popen[bytes]) -> None:
    def is_warm() -> bool:
        mine = number(process, "assigned_partitions")
        return mine >= 0 and number(process, "standby_partitions") == made.partitions - mine

    eventually(is_warm, f"no standby: {made.said()}", DONE_SECONDS_MAX)


@pytest.mark.long
def test_one_of_two_is_killed(
    tmp_path: Path,
    bootstrap: str,
    workspaces: Mapping[str, Sequence[Event]],
    undisturbed: dict[str, Any],
) -> None:
    first, second, third, *rest = pieces(workspaces)
    with cluster(tmp_path, bootstrap, PARTITIONS) as made:
        made.start("normalize")
        made.start("sink")
        one = made.start("correlate", "--standby", "all")
        made.tell(first)
        made.wait_until_done()
        other = made.start("correlate", "--standby", "all")
        for process in (one, other):
            wait_until_warm(made, process)
        made.tell(second)
        made.wait_until_done()
        one.kill()
        one.wait()
        made.tell(third)
        made.wait_until_done()
        assert number(other, "assigned_partitions") == PARTITIONS
        batches = number(other, 'batch_records_count{step="correlate"}')
        assert number(other, 'batch_records_sum{step="correlate"}') > batches > 0
        assert number(other, 'stage_seconds_sum{stage="fold",step="correlate"}') > 0
        # and back again
        one = made.start("correlate", "--standby", "all")
        wait_until_warm(made, one)
        other.kill()
        other.wait()
        for piece in rest:
            made.tell(piece)
        made.wait_until_done()
        assert made.held(list(workspaces)) == undisturbed
        made.stop()


def test_a_partition_that_there_is_not_is_refused(tmp_path: Path, bootstrap: str) -> None:
    with cluster(tmp_path, bootstrap, PARTITIONS) as made:
        done = made.run("correlate", "--standby", "0,2", "--listen", "127.0.0.1:0")
        assert done.returncode == Exit.USAGE
        assert "partition 2, but there are 2: 0 to 1" in done.stderr
        done = made.run("correlate", "--standby", "both", "--listen", "127.0.0.1:0")
        assert done.returncode == Exit.USAGE
        assert "standby" in done.stderr
