"""The vocabulary: what a job is, what can become of it, and what may go wrong.

Imports msgspec and the standard library only (and `calendar` croniter, once it is asked for a time),
and nothing else of Stoker. Take names from the modules; this package re-exports nothing.
"""
