"""Everything that can go wrong in the agent.

    EdgeError
    ├── SetupError (ValueError)           configuration, keys or board do not fit together; names the key
    ├── StateError (OSError)              the state folder or one of its databases cannot be used
    ├── LockError (OSError)               a lock or a warning light does not obey; its keeper says so
    ├── CalibrationError (ValueError)     what a microphone hears is no tone to calibrate it with
    ├── RecordingError (OSError)          a sound recording cannot be read or is damaged
    ├── RecordError (OSError)             the file for a recording of the agent cannot be made
    ├── EnrolmentError (ValueError)       a gateway, a token or a certificate of an enrolment that will not do
    ├── CommissioningError (OSError)      a self test, a report or a search that cannot be had; says why
    ├── UpdateError (OSError)             a version cannot be fetched, built or started; says why
    └── NotRunningError (ConnectionError) no agent answers who asks for its status

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


class LockError(EdgeError, OSError):
    """The output of a lock or a warning light does not obey; the message names the device."""


class CalibrationError(EdgeError, ValueError):
    """What a microphone hears is no tone to calibrate it with; the message says what it is."""


class RecordingError(EdgeError, OSError):
    """A sound recording cannot be read or is damaged; the message says why in a few words."""


class RecordError(EdgeError, OSError):
    """The file for a recording of the agent cannot be made; the message names it."""


class EnrolmentError(EdgeError, ValueError):
    """The gateway refuses, is away or another one, or what was given cannot be used; says what to do."""


class CommissioningError(EdgeError, OSError):
    """A self test cannot begin, a report cannot be written, or is not what was signed."""


class UpdateError(EdgeError, OSError):
    """A version of the agent cannot be fetched, built or started; the message says why in one line."""


class NotRunningError(EdgeError, ConnectionError):
    """Nobody answers on the status socket of the state folder that the message names."""
