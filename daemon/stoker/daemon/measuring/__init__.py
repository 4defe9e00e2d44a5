"""Measures what a daemon does on this machine: from outside, as a process of its own."""
