"""The daemon: composition root, supervision, actors, settings, command line."""
