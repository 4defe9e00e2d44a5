"""`stoker config`."""

from stoker.daemon.command_line.opening import configured
from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.daemon.command_line.printing import Column, print_json, print_line, print_table
from stoker.daemon.configuration.display import displayed, in_words


def config(*, options: Printing = PRINTING) -> None:
    """The effective configuration, and where each value comes from; passwords are masked."""
    configuration = configured(options)
    values, sources = displayed(configuration), configuration.sources
    if options.json:
        print_json({key: {"value": value, "source": sources[key]} for key, value in values.items()})
        return
    print_line(f"file: {configuration.file or 'none'}")
    print_table(
        (Column("key"), Column("value", gives_way=True), Column("source")),
        ((key, in_words(value), sources[key]) for key, value in values.items()),
    )
