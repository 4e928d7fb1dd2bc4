"""Asks the process of this container whether it works: what `HEALTHCHECK` runs.

A step answers at AFTERMERGE_LISTEN_HEALTH; `aftermerge up` and `receive` answer at AFTERMERGE_LISTEN, too.
The first that answers decides. Exit 0: it works. 1: it says that it does not, or nobody answers.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

ANSWER_SECONDS_MAX = 4
ADDRESSES = (("AFTERMERGE_LISTEN_HEALTH", "127.0.0.1:8081"), ("AFTERMERGE_LISTEN", "127.0.0.1:8090"))


def main() -> int:
    # a proxy for the way out must not be asked about this container
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    said = []
    for variable, default in ADDRESSES:
        port = (os.environ.get(variable) or default).rpartition(":")[2]
        url = f"http://127.0.0.1:{port}/healthz"
        try:
            with ask(url, timeout=ANSWER_SECONDS_MAX):
                return 0
        except urllib.error.HTTPError as answer:
            said.append(f"{url} says {answer.code}: {answer.read(500).decode(errors='replace')}")
            break
        except OSError as error:
            said.append(f"{url} does not answer: {error}")
    sys.stderr.write("\n".join(said) + "\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
