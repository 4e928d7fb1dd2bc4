"""The pictures of docs/pictures, taken anew from the demo (`make screenshots`)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.live.process import ROOT
from tests.pages.browser import Window, chromium, demo
from tests.pages.test_browser import CULPRIT, INCIDENT

PICTURES = ROOT / "docs" / "pictures"
WIDE, HIGH = 1280, 860


def main() -> None:
    """Take all of them."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, demo(Path(place)) as shown, chromium() as browser:
        culprit, incident = shown.value(CULPRIT), shown.value(INCIDENT)
        wanted = {
            "executive": shown.address("/executive"),
            "on-call": shown.address("/on-call"),
            "incident": shown.address("/incident", incident=incident),
            "debug": shown.address("/debug", deployment=culprit),
            "review": shown.address("/review"),
        }
        for name, address in wanted.items():
            window = Window(browser)
            window.page.set_viewport_size({"width": WIDE, "height": HIGH})
            window.open(address).screenshot(path=PICTURES / f"{name}.png")
            if name == "on-call":
                window.dark()
                window.page.reload()
                window.page.wait_for_timeout(300)
                window.page.screenshot(path=PICTURES / "on-call-dark.png")
            window.close()


if __name__ == "__main__":
    main()
