"""The entry of `stoker` and of `python -m stoker.daemon`."""

import sys


def main() -> None:
    """Run the command in the arguments, and exit with its status."""
    try:
        from stoker.daemon.command_line.app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("stoker"):
            raise
        print(
            "stoker: the command line needs an extra that is not installed: "
            "pip install 'stoker[daemon]'",
            file=sys.stderr,
        )
        sys.exit(1)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
