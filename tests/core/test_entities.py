"""An entity is the map of its events, at rest as bytes."""

from __future__ import annotations

import msgspec

from pipeline.core.entities import Entity
from tests.worlds import abandoned, asked, at, back, merged, opened, queued, reviewed


def test_the_same_telling_twice_changes_nothing() -> None:
    entity = Entity("acme/api#1")
    assert entity.put(merged("api#1", 1, received=3))
    assert not entity.put(merged("api#1", 1, received=3))
    assert not entity.put(merged("api#1", 1, received=5)), "a later receipt of an equal telling"
    assert not entity.put(merged("api#1", 1)), "an import of what was received live"
    assert entity.put(merged("api#1", 1, received=2))


def test_equal_maps_give_equal_bytes() -> None:
    events = [opened("api#1", 1), reviewed("api#1", 2, "p:1", "approved"), merged("api#1", 3)]
    one, two = Entity("a"), Entity("a")
    for event in events:
        one.put(event)
    for event in reversed(events):
        two.put(event)
    assert one.snapshot() == two.snapshot()


def test_a_packed_entity_unpacks_by_itself() -> None:
    entity = Entity("acme/api#1")
    entity.put(opened("api#1", 1))
    packed = entity.snapshot()
    entity.pack()
    assert not entity.put(opened("api#1", 1))
    entity.pack()
    assert entity.put(merged("api#1", 2))
    assert entity.snapshot() != packed
    restored = Entity.restore("acme/api#1", entity.snapshot())
    assert restored.events() == entity.events() == [opened("api#1", 1), merged("api#1", 2)]
    assert restored.newest_at == at(2)


def test_bytes_of_before_an_event_had_more_fields_are_read() -> None:
    event = merged("api#1", 2, title="Title")
    entity = Entity(event.change)
    entity.put(event)
    (told,) = msgspec.msgpack.decode(entity.snapshot())
    assert told[-3:] == [[], None, None]
    older = msgspec.msgpack.encode([told[:-3]])
    assert Entity.restore(event.change, older).events() == [event]


def test_what_was_taken_back_is_kept_but_not_asserted() -> None:
    entity = Entity("acme/api#1")
    entity.put(back(merged("api#1", 1)))
    assert not entity.put(merged("api#1", 1)), "an older version came late"
    assert entity.events() == []
    assert len(entity.tellings) == 1


def test_at_one_instant_the_later_step_of_a_life_comes_later() -> None:
    entity = Entity("acme/api#1")
    for event in (
        merged("api#1", 1),
        queued("api#1", 1, "merged"),
        reviewed("api#1", 1, "p:1", "approved"),
        asked("api#1", 1, "p:1"),
        opened("api#1", 1),
    ):
        entity.put(event)
    assert [type(event).__name__ for event in entity.events()] == [
        "ChangeOpened",
        "ReviewRequested",
        "ReviewSubmitted",
        "QueueChanged",
        "ChangeMerged",
    ]
    entity.put(abandoned("api#1", 1, sequence=-1))
    assert type(entity.events()[0]).__name__ == "ChangeAbandoned", "the source's own sequence comes first"
