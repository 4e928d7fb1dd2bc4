"""Catalogue files: what they say becomes events, and whatever is wrong is told with its line."""

from __future__ import annotations

import contextlib
import re
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.events import ObjectiveDeclared, ServiceDeclared, TeamDeclared
from pipeline.resources import examples
from pipeline.sources import (
    catalogue_events,
    catalogue_file,
    catalogue_models,
    catalogue_rules,
    teams,
    yaml_text,
)
from pipeline.sources.catalogue_file import (
    Catalogue,
    CatalogueRefused,
    Entry,
    declared,
    parse_catalogue,
    read_catalogue,
    refuse_contradictions,
)
from pipeline.sources.lines import UnreadableFile
from pipeline.sources.public_holidays import day_number, public_holidays
from tests.sources.deliveries import token

DAY = 86_400_000_000
EXAMPLE = examples() / "catalogue.yaml"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text(encoding="utf-8")


def parsed(text: str) -> Catalogue:
    return parse_catalogue(text, "c.yaml")


def only(text: str) -> Entry:
    (entry,) = parsed(text).entries
    return entry


def team(text: str) -> TeamDeclared:
    event = only(f"teams:\n  a: {text}").event
    assert isinstance(event, TeamDeclared)
    return event


def mistakes(text: str) -> list[str]:
    with pytest.raises(CatalogueRefused) as refused:
        refuse_contradictions(parsed(text).entries)
    return list(refused.value.mistakes)


def days(*dates: str) -> list[int]:
    return [day_number(date.fromisoformat(text)) for text in dates]


def test_a_team_is_what_its_entry_says() -> None:
    event = only(
        """
teams:
  payments:
    members: [grace, '@ada', ada]
    aliases: [acme/payments]
    zone: Asia/Kathmandu
    hours: {days: [fri, Monday, 2], from: 08:30, to: 17:30}
    holidays: {dates: [2026-12-24, 2026-01-02], except: []}
    respond_within: 1h30m
"""
    ).event
    assert event == TeamDeclared(
        "", "catalogue", 0, 0, True, 0, catalogue_events.PARSER_VERSION, False, 0,
        team="payments",
        members=["ada", "grace"],
        aliases=["acme/payments"],
        zone="Asia/Kathmandu",
        days=[1, 2, 5],
        opens_minute=510,
        closes_minute=1_050,
        holidays=days("2026-01-02", "2026-12-24"),
        offsets_from=[],
        offsets_seconds=[20_700],
        response_minutes=90,
    )  # fmt: skip


def test_a_service_is_what_its_entry_says() -> None:
    event = only(
        "services:\n  checkout: {team: payments, tier: 1, repositories: [b/b, a/a], paths: [x],"
        " depends_on: [ledger], aliases: ['pagerduty:PX1']}"
    ).event
    assert isinstance(event, ServiceDeclared)
    assert msgspec.structs.astuple(event)[9:] == (
        "checkout", "payments", 1, ["a/a", "b/b"], ["x"], ["ledger"], ["pagerduty:PX1"],
    )  # fmt: skip


def test_members_become_tokens() -> None:
    event = declared(only("teams: {a: {members: [bob, ada, 'p:0123456789abcdef']}}"), token)
    assert isinstance(event, TeamDeclared)
    assert event.members == sorted([token("ada"), token("bob"), "p:0123456789abcdef"])


def test_what_says_nothing_is_nothing() -> None:
    assert team("") == team("{}") == team("{members: , zone: ~, hours: , holidays: {country: }}")


def test_texts_are_taken_as_they_stand() -> None:
    """YAML 1.1 would make a false, a number of base 60, a float and a date of these."""
    entries = parsed("teams:\n  NO: {hours: {to: 18:00}}\n  1.10: {members: [on, 0777, 2026-01-01]}").entries
    first, second = (entry.event for entry in entries)
    assert isinstance(first, TeamDeclared)
    assert isinstance(second, TeamDeclared)
    assert (first.team, first.closes_minute) == ("NO", 1_080)
    assert (second.team, second.members) == ("1.10", ["0777", "2026-01-01", "on"])


def test_public_holidays_with_others_and_without_some() -> None:
    holidays = "{country: DE, subdivision: BE, dates: [2026-12-24], except: [2026-03-08]}"
    found = set(team(f"{{holidays: {holidays}}}").holidays)
    berlin, bavaria = (set(public_holidays("DE", part).days) for part in ("BE", "BY"))
    (womens_day,) = days("2026-03-08")
    assert womens_day in berlin - bavaria
    assert found == (berlin | set(days("2026-12-24"))) - {womens_day}
    assert set(days("2000-01-01", "2026-05-01", "2050-12-26")) <= found


def test_holidays_that_are_not_known_for_all_years_are_said() -> None:
    last = public_holidays("LK", "").gaps
    assert re.fullmatch(r"They are known up to 20\d\d\.", last), "choose another country"
    assert "from 2001 to 2035" in public_holidays("IN", "").gaps, "the library says it, and it is told"
    assert public_holidays("DE", "").gaps == ""
    text = "teams: {a: {holidays: {country: LK, except: [2026-02-03]}}, b: {holidays: {country: LK}}}"
    assert parsed(text).notes == [
        f"c.yaml: holidays of LK: {last} Write others under dates.",
        "c.yaml: teams.a.holidays.except: 2026-02-03 is no holiday there: it says nothing",
    ]


def test_valid_from_is_that_of_its_document() -> None:
    found = parsed(
        "valid_from: 2026-01-01\nteams: {a: }\n---\nservices: {b: }\n---\n# nothing\n---\n"
        "valid_from: 2026-01-01T08:00:00+01:00\nteams: {a: }"
    )
    first = 20_454 * DAY
    times = [(entry.kind, entry.name, entry.valid_from) for entry in found.entries]
    assert times == [("team", "a", first), ("service", "b", None), ("team", "a", first + 7 * DAY // 24)]
    assert [entry.place for entry in found.entries] == ["c.yaml:2", "c.yaml:4", "c.yaml:9"]
    refuse_contradictions(found.entries)


def test_an_alias_of_yaml_is_the_value_itself() -> None:
    first, second = (
        entry.event
        for entry in parsed("teams:\n  a: {hours: &h {days: [sat]}}\n  b: {hours: *h, zone: UTC}").entries
    )
    assert isinstance(first, TeamDeclared)
    assert isinstance(second, TeamDeclared)
    assert first.days == second.days == [6]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "c.yaml: it declares nothing: write teams:, services:, classes:, policies: or signals:"),
        ("teams:", "c.yaml: it declares nothing"),
        ("- teams", "c.yaml:1: the document: write keys and their values"),
        ("\nteam: {}", "c.yaml:2: team: unknown: did you mean 'teams'?"),
        ("teams:\n  a:\n    membrs: []", "c.yaml:3: teams.a.membrs: unknown: did you mean 'members'?"),
        ("services:\n  a:\n    repos: []", "c.yaml:3: services.a.repos: unknown: "),
        ("services: {a: {slos: {up: {goal: 9}}}}", "services.a.slos.up.goal: unknown: "),
        ("services: {a: {slos: {up: {period: 28d}}}}", "services.a.slos.up: target: missing"),
        ("services: {a: {slos: {up: {target: 100}}}}", "'100': more than 0 and less than 100 percent"),
        ("services: {a: {slos: {up: {target: 99.99999}}}}", "'99.99999': more than 0"),
        ("services: {a: {slos: {up: {target: high}}}}", "'high' is no share: write percent"),
        ("services: {a: {slos: {up: {target: 99, period: 1y}}}}", "'1y': write days, from 1d to 92d"),
        ("services: {a: {slos: {up: {target: 99, removed: true}}}}", "takes the objective back"),
        ("teams: {a: {hours: {until: 1}}}", "teams.a.hours.until: unknown: there are days, from, to"),
        ("teams: {a: {holidays: {land: DE}}}", "teams.a.holidays.land: unknown: "),
        ("teams:\n  a: [1]", "c.yaml:2: teams.a: write keys and their values"),
        ("teams: [a]", "c.yaml:1: teams: write names, and what they mean below each"),
        ("teams: {'': }", "empty: write a name"),
        ("teams: {' a': }", "begins or ends with a blank"),
        ('teams: {"a\\nb": }', "has a sign that can't be printed"),
        ('teams: {"\\ud800": }', "has a sign that can't be printed"),
        (f"teams: {{{'a' * 201}: }}", "201 characters, at most 200 are read"),
        ("teams: {a: {members: ada}}", "c.yaml:1: teams.a.members: write a list, as in [a, b]"),
        ("teams:\n  a:\n    members:\n    - ada\n    - [x]", "c.yaml:5: teams.a.members.1: write a text"),
        ("teams: {a: {members: [acme/x]}}", "a team of the forge belongs to aliases"),
        ("teams: {a: {zone: Europe/Atlantis}}", "teams.a.zone: time zone 'Europe/Atlantis'"),
        ("teams: {a: {hours: {days: [someday]}}}", "'someday' is no day: write mon, tue"),
        ("teams: {a: {hours: {days: [1, 1, 1, 1, 1, 1, 1, 1]}}}", "8 of them, at most 7 are read"),
        ("teams: {a: {hours: {from: 9}}}", "'9' is no time of day: write 09:00"),
        ("teams: {a: {hours: {to: 24:01}}}", "'24:01' is no time of day"),
        ("teams: {a: {hours: {from: 18:00}}}", "the day ends at 17:00, not after its beginning at 18:00"),
        ("teams: {a: {holidays: {country: XX}}}", "teams.a.holidays: no country 'XX'"),
        ("teams: {a: {holidays: {country: de}}}", "did you mean 'DE'?"),
        ("teams: {a: {holidays: {country: DE, subdivision: QQ}}}", "no subdivision 'QQ' of DE: there are"),
        ("teams: {a: {holidays: {subdivision: BE}}}", "subdivision: of which country?"),
        ("teams: {a: {holidays: {except: [2026-01-01]}}}", "except: of which country?"),
        ("teams: {a: {holidays: {dates: [24.12.2026]}}}", "'24.12.2026' is no date: write it like 2026-"),
        ("teams: {a: {holidays: {dates: [1066-10-14]}}}", "the years 1990 to 2262"),
        ("teams: {a: {respond_within: 2d}}", "'2d': write working hours or minutes"),
        ("teams: {a: {respond_within: 0h}}", "0h: from 1m to 8784h are meant"),
        ("teams: {a: {removed: true, zone: UTC}}", "removed: true takes the entry back: write nothing else"),
        ("teams: {a: {removed: perhaps}}", "write true or false"),
        ("services: {a: {tier: high}}", "services.a.tier: write a whole number"),
        ("services: {a: {tier: 0}}", "1 or more is meant"),
        ("valid_from: yesterday\nteams: {a: }", "c.yaml:1: valid_from: 'yesterday' is no time"),
        ("valid_from: 1066-10-14\nteams: {a: }", "the years 1990 to 2262"),
        ("teams:\n  a:\n  a:", "c.yaml:3: a: written twice, keep one"),
        ("teams:\n  a: 'open", "c.yaml:2: no YAML: while scanning a quoted scalar"),
        ("teams:\n\ta:", "c.yaml:2: no YAML: "),
        ("teams:\n  a: \x07", "c.yaml:2: no YAML: a sign that no text has (U+0007)"),
        ("teams:\n  a: !!python/object:os.system x", "c.yaml:2: the tag !!python/object:os.system"),
        ("teams:\n  <<: {a: }", "c.yaml:2: the merge key <<"),
        ("teams:\n  ? [a]\n  : b", "c.yaml:2: a key is a text"),
        ("teams: &t {a: *t}", "nested too deeply"),
        ("[" * 10_000, "nested too deeply"),
        ("---\n" * 1_100, "more than 1,000 documents"),
        ("teams: {a: }\n---\nteams:\n  a:", "c.yaml:4: the team a stands at c.yaml:1 already"),
        ("teams: {a: }\nvalid_from: 2026-01-01\n---\nteams: {a: {removed: true}}", "stands at c.yaml:4 "),
        ("teams: {a: {aliases: [x]}, b: {aliases: [x]}}", "the alias x of b is a name of a (c.yaml:1), too"),
        ("services: {a: {aliases: [b]}, b: }", "the alias b of a is a name of b"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    assert told in "\n".join(mistakes(text))


def test_all_mistakes_are_told_at_once() -> None:
    assert [line.partition(": ")[0] for line in mistakes("teams:\n  a: {x: 1}\n  b: {zone: Y}\nq: 1")] == [
        "c.yaml:2",
        "c.yaml:3",
        "c.yaml:4",
    ]


def test_aliases_that_grow_are_stopped_before_they_do() -> None:
    lines = ["x0: &x0 [" + ", ".join(["a"] * 10) + "]"]
    lines += [f"x{n}: &x{n} [" + ", ".join([f"*x{n - 1}"] * 10) + "]" for n in range(1, 10)]
    (mistake,) = mistakes("\n".join(lines))
    assert f"more than {yaml_text.NODES_MAX:,} values, with what aliases repeat" in mistake


def test_files_that_are_no_text_or_too_long_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbfteams: {a: }\n")
    assert read_catalogue(file).entries[0].name == "a", "a byte order mark is no part of the first key"
    file.write_bytes(b"teams:\n  \xff: {}\n")
    with pytest.raises(CatalogueRefused, match=r"c\.yaml:2: no UTF-8"):
        read_catalogue(file)
    file.write_bytes(b"#" * (catalogue_file.FILE_BYTES_MAX + 1))
    with pytest.raises(CatalogueRefused, match="longer than 1,048,576 bytes"):
        read_catalogue(file)
    with pytest.raises(UnreadableFile, match="nowhere"):
        read_catalogue(tmp_path / "nowhere")


def test_the_example_and_the_documented_format_are_good() -> None:
    shipped = read_catalogue(EXAMPLE)
    assert len(shipped.entries) == 12
    assert shipped.notes == []
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(blocks) == 2
    for block in (*blocks, EXAMPLE.read_text(encoding="utf-8")):
        refuse_contradictions(parsed(block).entries)
    payments = parsed(blocks[0]).entries[0].event
    assert isinstance(payments, TeamDeclared)
    assert payments.members
    assert payments.response_minutes == 240


def test_every_key_is_documented() -> None:
    told = set(re.findall(r"^\| `([a-z_.]+)`(?:, `([a-z_.]+)`)?", DOCUMENT, re.MULTILINE))
    keys = {key for row in told for key in row if key}
    nested = {
        *(f"hours.{key}" for key in catalogue_models.WrittenHours.known_keys()),
        *(f"holidays.{key}" for key in catalogue_models.WrittenHolidays.known_keys()),
        *(f"slos.{key}" for key in catalogue_models.WrittenObjective.known_keys()),
        *catalogue_models.WrittenTeam.known_keys(),
        *catalogue_models.WrittenService.known_keys(),
        *catalogue_rules.WrittenClass.known_keys(),
        *catalogue_rules.WrittenPolicy.known_keys(),
        *catalogue_rules.WrittenSignal.known_keys(),
    } - {"hours", "holidays", "slos"}
    assert keys == nested


def test_every_limit_is_documented() -> None:
    limits = DOCUMENT.partition("## Limits")[2]
    told = [int(number.replace(",", "")) for number in re.findall(r"^\| .* \| ([0-9,]+) \|$", limits, re.M)]
    assert told == [
        catalogue_file.FILE_BYTES_MAX,
        yaml_text.DOCUMENTS_MAX,
        yaml_text.NODES_MAX,
        yaml_text.LEVELS_MAX,
        catalogue_rules.ENTRIES_MAX,
        teams.MEMBERS_MAX,
        teams.ALIASES_MAX,
        teams.HOLIDAYS_MAX,
        catalogue_models.ITEMS_MAX,
        catalogue_models.ITEMS_MAX,
        catalogue_rules.APPROVALS_MAX,
        teams.NAME_CHARACTERS_MAX,
    ]


def test_objectives() -> None:
    text = """
services:
  checkout:
    slos:
      availability: {target: 99.95%, period: 28d, environment: staging}
      latency: {target: 99}
      old: {removed: true}
valid_from: 2026-01-01
"""
    service, *found = parsed(text).entries
    assert service.kind == "service"
    assert [(entry.kind, entry.name, entry.place, entry.removed) for entry in found] == [
        ("objective", "checkout staging availability", "c.yaml:5", False),
        ("objective", "checkout production latency", "c.yaml:6", False),
        ("objective", "checkout production old", "c.yaml:7", True),
    ]
    events = [entry.event for entry in found if isinstance(entry.event, ObjectiveDeclared)]
    assert [(event.slo, event.target_ppm, event.period_days) for event in events] == [
        ("availability", 999_500, 28),
        ("latency", 990_000, None),
        ("old", None, None),
    ]


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@settings(max_examples=50)
@given(st.dictionaries(NAMES, st.lists(NAMES.filter(lambda name: not {"/", "@"} & set(name)))))
def test_names_come_back_as_they_were(members: dict[str, list[str]]) -> None:
    told: dict[str, Any] = {"teams": {name: {"members": logins} for name, logins in members.items()}}
    if not members:
        assert "declares nothing" in mistakes(yaml.safe_dump(told))[0]
        return
    found = [entry.event for entry in parsed(yaml.safe_dump(told, allow_unicode=True)).entries]
    assert {event.team: event.members for event in found if isinstance(event, TeamDeclared)} == {
        name: sorted(set(logins)) for name, logins in members.items()
    }


@settings(max_examples=150)
@given(st.text(max_size=60), st.integers(0, 1_500), st.integers(0, 60))
def test_any_text_is_a_catalogue_or_is_refused(noise: str, at: int, cut: int) -> None:
    whole = EXAMPLE.read_text(encoding="utf-8")
    for text in (noise, f"teams: {noise}", whole[:at] + noise + whole[at + cut :]):
        with contextlib.suppress(CatalogueRefused):
            assert parsed(text).entries
