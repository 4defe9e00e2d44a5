"""The command line: a file for each command. What is heavy is imported by the command that needs it."""
