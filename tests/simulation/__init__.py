"""The cluster's runtime, simulated: one seed decides whose turn it is, and what goes wrong meanwhile."""
