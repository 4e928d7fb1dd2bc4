"""``python -m pipeline.cli`` is the command ``aftermerge``."""

from pipeline.cli import main

main(prog_name="aftermerge")
