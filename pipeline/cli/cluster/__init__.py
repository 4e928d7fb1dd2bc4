"""The commands of a cluster: its topics, its tables, and a process for each step."""
