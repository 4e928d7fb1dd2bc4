"""The real `aftermerge up` in a process of its own: fed over HTTP, killed, starved, asked."""
