"""Grafana's schema as it is published (types of TypeScript), and the compiler that reads them.

``python -m tests.grafana.published`` fetches both (`make examples`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.npm import Package

SCHEMA = Package(
    "@grafana/schema",
    "11.6.0",
    "dist/esm/raw/dashboard/x/dashboard_types.gen.d.ts",
    "215d821dd70c888c209206221f0116b3b27073eb80f76a37243fe5514d80fe9d",
    "grafana-schema",
)
COMPILER = Package(
    "typescript",
    "5.8.3",
    "lib/_tsc.js",
    "1f62c69e832fbbbd05a6dac950f152937f594a4d0b88087be5406ace348efcb5",
    "typescript",
)
COMPILING_SECONDS_MAX = 120

#: a type's JSON: its enumerations as the words or numbers that stand for them
PLAIN = (
    "type Plain<T> = unknown extends T ? T : T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[]"
    " : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;"
)


def complaints(directory: Path, lines: Sequence[str]) -> list[str]:
    """What the compiler says of these lines, in which ``@schema`` is Grafana's."""
    schema, compiler = SCHEMA.needed(), COMPILER.needed()
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node here: Grafana's schema is read where it is")
    settings = {
        "compilerOptions": {
            "strict": True,
            "noEmit": True,
            "skipLibCheck": True,
            "module": "esnext",
            "moduleResolution": "bundler",
            "target": "es2022",
            "types": [],
            "paths": {"@schema/*": [f"{schema}/dist/esm/*.d.ts"]},
        },
        "files": ["check.ts"],
    }
    (directory / "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    (directory / "check.ts").write_text("\n".join(lines), encoding="utf-8")
    ran = subprocess.run(
        [node, str(compiler / "lib" / "tsc.js"), "-p", str(directory)],
        capture_output=True,
        text=True,
        timeout=COMPILING_SECONDS_MAX,
        check=False,
    )
    assert ran.returncode in (0, 1, 2), ran.stderr
    return ran.stdout.splitlines()


def main() -> int:
    wrong = [f"{one.name}: {said}" for one in (SCHEMA, COMPILER) if (said := one.fetch())]
    if not wrong:
        sys.stdout.write(f"Grafana's schema is in {SCHEMA.place}\n")
        return 0
    sys.stderr.write(f"not fetched, tests that need it are skipped: {'; '.join(wrong)}\n")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    raise SystemExit(main())
