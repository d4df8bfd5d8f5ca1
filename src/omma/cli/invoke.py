"""Verb module + its arguments → the call of its `command` function, whose signature and docstring are its help.

A module of several commands names them in `COMMANDS`; its `command` then does nothing and its docstring tells of them all.
"""

import importlib

import typer

from omma.core.errors import ConfigError

INTERRUPTED = 130


def call(module_name: str, verb: str, arguments: list[str]) -> int:
    """Parse the arguments as the module's `command` declares them and run it → exit code.

    ConfigError for bad usage; KeyboardInterrupt for Ctrl-C.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    module = importlib.import_module(module_name)
    commands = vars(module).get("COMMANDS", {})
    (app.callback() if commands else app.command())(module.command)
    for name, function in commands.items():
        app.command(name)(function)
    try:
        code = int(app(arguments, prog_name=f"omma {verb}", standalone_mode=False) or 0)
    except typer.TyperException as error:
        got = error.format_message().rstrip(".")
        raise ConfigError(f"omma {verb}", got[:1].lower() + got[1:], "", f"see `omma {verb} --help`") from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    if code == INTERRUPTED:  # typer turns Ctrl-C into a returned exit code
        raise KeyboardInterrupt
    return code
