"""Runs of jobs in this process: what they are, how they begin, are interrupted and end."""
