"""The environments of the peers: made once, outside of the checkout, from files with versions and hashes.

A file is written anew by ``uv pip compile --universal --python-version 3.11 --generate-hashes
--no-emit-index-url --no-annotate --no-header quix.in -o quix.txt``.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.brokered import CACHE

REQUIREMENTS = Path(__file__).parent
INSTALL_TRIES_MAX = 4
INSTALL_SECONDS_MAX = 600
RETRY_WAIT_SECONDS = 5


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made when it is missing.

    Raises ``SystemExit`` when it can't be made: the index is out of reach, say.
    """
    requirements = REQUIREMENTS / f"{peer}.txt"
    told = requirements.read_bytes() + sys.version.encode()
    home = CACHE / f"peer-{peer}-{hashlib.sha256(told).hexdigest()[:12]}"
    python = home / "bin" / "python"
    if (home / "complete").exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=INSTALL_SECONDS_MAX)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    install += ["--require-hashes", "-r", str(requirements)]
    for tried in range(1, INSTALL_TRIES_MAX + 1):
        done = subprocess.run(install, check=False, timeout=INSTALL_SECONDS_MAX)
        if done.returncode == 0:
            (home / "complete").touch()
            return python
        time.sleep(tried * RETRY_WAIT_SECONDS)
    raise SystemExit(f"what {requirements.name} names can't be installed into {home}: see above")
