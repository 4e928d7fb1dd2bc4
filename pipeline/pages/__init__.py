"""What a browser shows: the dashboards of ``panels``; an incident, a change, a service, a deployment; SQL.

It is HTML from here, with the charts' library beside it: nothing is fetched from anywhere else.
"""
