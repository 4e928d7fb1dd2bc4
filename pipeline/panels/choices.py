"""What can be chosen on a page, and what there is to choose from."""

from __future__ import annotations

from typing import Final, NamedTuple


class Choice(NamedTuple):
    """One thing that can be chosen.

    ``sql`` answers with the values, the likeliest first: one column, or the value and how it is called.
    """

    name: str
    title: str
    sql: str
    #: whether nothing need be chosen: then everything is shown
    optional: bool = True


WORKSPACE: Final = Choice(
    "workspace", "Workspace", "SELECT workspace FROM as_of ORDER BY newest_at DESC, workspace", optional=False
)
TEAM: Final = Choice(
    "team",
    "Team",
    "SELECT DISTINCT team FROM services FINAL WHERE workspace = {workspace:String} AND team != ''"
    " ORDER BY team",
)
SERVICE: Final = Choice(
    "service",
    "Service",
    "SELECT service FROM services FINAL WHERE workspace = {workspace:String} AND service != ''"
    " ORDER BY service",
)
ENVIRONMENT: Final = Choice(
    "environment",
    "Environment",
    "SELECT environment FROM deployments WHERE workspace = {workspace:String} AND environment != ''"
    " GROUP BY environment ORDER BY environment != 'production', environment",
)
CHANGE_CLASS: Final = Choice(
    "change_class",
    "Class of change",
    "SELECT DISTINCT change_class FROM outcomes WHERE workspace = {workspace:String} AND change_class != ''"
    " ORDER BY change_class",
)
DEPLOYMENT: Final = Choice(
    "deployment",
    "Deployment",
    "SELECT deployment, concat(service, ' in ', environment, ' ', tag, ', ',"
    " formatDateTime(live_at, '%Y-%m-%d %H:%i')) AS called"
    " FROM deployments FINAL"
    " WHERE workspace = {workspace:String} AND ({service:String} = '' OR service = {service:String})"
    " AND ({environment:String} = '' OR environment = {environment:String})"
    " AND live_at <= {until:DateTime('UTC')}"
    " ORDER BY live_at DESC, deployment LIMIT 200",
    optional=False,
)

#: the moment up to which a page looks, in seconds since 1970: `to`, or where nothing was received for two
#: hours (an import) the newest receipt, so that the page shows what there is
UNTIL: Final = (
    "SELECT toUnixTimestamp(if(count() = 0, {to:DateTime('UTC')},"
    " least(toDateTime(max(as_of)), {to:DateTime('UTC')}))) AS until"
    " FROM as_of WHERE workspace = {workspace:String}"
)
#: as many seconds before that as lie between `from` and `to`
SINCE: Final = f"SELECT until - ({{to:DateTime('UTC')}} - {{from:DateTime('UTC')}}) AS since FROM ({UNTIL})"
