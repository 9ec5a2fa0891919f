"""Everything that can go wrong in the agent.

    EdgeError
    ├── SetupError (ValueError)     the configuration, the keys or the board do not fit together; names the
    key └── StateError (OSError)        the state folder or one of its databases cannot be used

All of them say that the outside did wrong; what we did wrong stays a plain Python error.
"""


class EdgeError(Exception):
    """Root of all errors of the agent."""


class SetupError(EdgeError, ValueError):
    """A configuration that cannot be run. ``problems`` holds one line for each thing to mend."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class StateError(EdgeError, OSError):
    """The state folder or one of its databases cannot be used; the message names the file."""
