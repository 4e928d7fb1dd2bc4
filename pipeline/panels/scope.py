"""Which rows a panel is about: the conditions that what was chosen on a page puts on a view."""

from __future__ import annotations

#: what the measures of a kind can be cut by, the narrowest first
OF_REVIEW = ("service", "team", "change_class")
OF_PRODUCTION = ("service", "team", "environment")
OF_CHECKS = ("service", "team")


def _chosen(name: str) -> str:
    return f"{{{name}:String}}"


def weeks(*cuts: str, delivery: bool = False) -> str:
    """The rows of a measure's view: of the weeks looked at, and of the narrowest cut that was chosen.

    ``delivery``: a service and an environment that are both chosen are a dimension of their own there.
    """
    return f"workspace = {{workspace:String}} AND {period()} AND {cut(*cuts, delivery=delivery)}"


def period() -> str:
    """The weeks looked at, the first one whole."""
    return "week >= toStartOfWeek({since:DateTime('UTC')}, 1) AND week <= toDate({until:DateTime('UTC')})"


def cut(*cuts: str, delivery: bool = False) -> str:
    """The rows of a measure's view for the narrowest cut that was chosen; for everything, where none was."""
    chosen = [(f"{_chosen(name)} != ''", f"'{name}'", _chosen(name)) for name in cuts]
    if delivery:
        both = f"{_chosen('service')} != '' AND {_chosen('environment')} != ''"
        place = f"concat({_chosen('service')}, ' in ', {_chosen('environment')})"
        chosen.insert(0, (both, "'service in environment'", place))
    dimensions = ", ".join(f"{condition}, {name}" for condition, name, _ in chosen)
    values = ", ".join(f"{condition}, {value}" for condition, _, value in chosen)
    return f"dimension = multiIf({dimensions}, 'all') AND value = multiIf({values}, '')"


def rows(*cuts: str, at: str = "") -> str:
    """The rows of a view with a row per thing: with all cuts that were chosen, and ``at`` in the time."""
    conditions = ["workspace = {workspace:String}"]
    if at:
        conditions.append(f"{at} >= {{since:DateTime('UTC')}} AND {at} <= {{until:DateTime('UTC')}}")
    conditions += [f"({_chosen(name)} = '' OR {name} = {_chosen(name)})" for name in cuts]
    return " AND ".join(conditions)


def owned(service: str = "service") -> str:
    """Whether the team that was chosen, if one was, owns the service that an expression names."""
    return f"""({_chosen("team")} = '' OR {service} IN
(
    SELECT service
    FROM services FINAL
    WHERE workspace = {{workspace:String}} AND team = {_chosen("team")}
))"""


def lately() -> str:
    """Keys of what went live in the time: found by one column, so that everything else is read by key.

    A superseded row may name one too many; the condition of ``rows`` is asked of what holds.
    """
    return f"SELECT deployment FROM deployments WHERE {rows(at='live_at')}"
