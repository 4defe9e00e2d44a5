"""The commands, and how one of them is run."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from stoker.daemon.command_line.failing import (
    FAILED,
    INTERRUPTED,
    READER_GONE,
    WRONG_USAGE,
    WrongUsage,
    say,
    sentence,
    usage,
)
from stoker.jobs.errors import InvalidFilter

_HERE = "stoker.daemon.command_line"

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run:run", "Run this host's daemon: workers and upkeep, as the configuration says."),
    "demo": ("demo:demo", "See it work: a daemon, mails, reports, and a check that all is right."),
    "enqueue": ("enqueue:enqueue", "Put a job in."),
    "jobs list": ("jobs:list_jobs", "Jobs, the newest first."),
    "jobs show": ("jobs:show_job", "One job, with its history and its logs."),
    "jobs cancel": ("acting:cancel_jobs", "Cancel jobs: waiting ones at once, running ones are told."),
    "jobs retry": ("acting:retry_jobs", "Run ended jobs again: same id, history kept, all runs anew."),
    "explain": ("explain:explain", "Why a job is not running, or why it ran twice or late."),
    "queues list": ("queues:list_queues", "Queues: how deep, how old, paused or not."),
    "queues pause": ("queues:pause_queues", "Start no more jobs of a queue, or of a pattern."),
    "queues resume": ("queues:resume_queues", "Undo a pause."),
    "recurring list": ("recurring:list_recurring", "Recurring jobs: what, when, whose, when next."),
    "recurring add": ("recurring:add_recurring", "Have jobs made by themselves, or change when."),
    "recurring toggle": ("recurring:toggle_recurring", "Switch a recurring job on or off."),
    "recurring revert": ("recurring:revert_recurring", "Take back what was edited over the code."),
    "recurring remove": ("recurring:remove_recurring", "Make no more jobs of it."),
    "recurring fire": ("recurring:fire_recurring", "Put in a job of it now."),
    "recurring next": ("recurring:next_times", "When a cron line comes next."),
    "workers list": ("crew:list_workers", "The worker processes, as they last announced themselves."),
    "types list": ("crew:list_types", "The types of jobs that daemons have published."),
    "check": ("check:check", "Check configuration, handlers and broker; status 1 if any is wrong."),
    "config": ("config:config", "The effective configuration, and where each value comes from."),
    "migrate": ("migrate:migrate", "Prepare the broker: create or upgrade what it stores."),
    "health": ("health:health", "Ask whether a daemon lives on this host; status 0 if so, else 1."),
    "bench": ("bench:bench", "Measure what a daemon does on this machine."),
    "version": ("version:version", "Which Stoker this is."),
}
"""Each with the module and function that it is, and its line in the help."""
GROUPS = {
    "jobs": "Look at jobs, cancel and retry them.",
    "queues": "Look at queues, pause and resume them.",
    "recurring": "Look at recurring jobs, add them, switch them on and off.",
    "workers": "Look at workers.",
    "types": "Look at types of jobs.",
}


def run(arguments: Sequence[str]) -> int:
    """Run this command; its exit status. Whatever goes wrong is one sentence on standard error."""
    # cyclopts takes a lone - for an option, also where an argument is wanted.
    tokens = ["@-" if token == "-" else token for token in arguments]
    try:
        status = build()(tokens)
        sys.stdout.flush()
    except CycloptsError as error:
        return say(usage(error), WRONG_USAGE)
    except (WrongUsage, InvalidFilter) as error:
        return say(str(error), WRONG_USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; nor must the interpreter's last flush complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except Exception as error:
        if "--debug" in arguments:
            raise
        return say(sentence(error), FAILED)
    return status if isinstance(status, int) else 0


def build() -> App:
    """The application; commands are imported when they are called."""
    app = App(
        name="stoker",
        help="Background jobs: a daemon that runs them, and commands to look after them.",
        help_format="plaintext",
        help_epilogue="`stoker COMMAND --help` tells more.",
        version_flags=[],
        default_parameter=Parameter(negative=""),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        backend="asyncio",
    )
    groups = {name: App(name=name, help=help) for name, help in GROUPS.items()}
    for group in groups.values():
        app.command(group)
    for path, (target, help) in COMMANDS.items():
        *above, name = path.split()
        parent = groups[above[0]] if above else app
        parent.command(f"{_HERE}.{target}", name=name, help=help)
    return app
