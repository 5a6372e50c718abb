"""One file a command: `add(commands)` adds its parser, whose `run(arguments, rest, console)` returns the exit code."""
