"""A seeded world that produces every type of event, with the truth kept apart.

``World(options, person_token).weeks()`` gives events in order of receipt, week by week; the same
options give the same events on every machine. Nothing here reads a clock, a file or a setting.
"""
