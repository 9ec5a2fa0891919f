"""Everything that can go wrong at the contract.

    ContractError
    ├── IdentifierError (ValueError)   a name that is not a slug, or is reserved
    ├── TopicError (ValueError)        a topic outside the table
    ├── DecodeError (ValueError)       a body that is not the message of its topic; says where
    ├── EnvelopeError (ValueError)     a gateway message that nobody we trust has signed for this topic
    ├── TokenError (ValueError)        a text that is no one-time token of an enrolment
    ├── KeyFileError (ValueError)      a key folder that is missing, damaged or open to others
    ├── ConfigError (ValueError)       a configuration file that cannot be used; names the key
    ├── RecordingError (ValueError)    a recording of an agent that cannot be read; names the line
    ├── ReleaseError (ValueError)      a release of the agent's program, or an offer of one, that is none
    ├── CoreError (LookupError)        a core of the group pleintemps.cores that is not installed
    └── ClockError (OSError)           the simulated clock does not answer

All but the last two say that the outside did wrong; what we did wrong stays a plain Python error.
"""


class ContractError(Exception):
    """Root of all errors of the contract."""


class IdentifierError(ContractError, ValueError):
    """A name that is not a slug ``[a-z0-9-]{1,40}``, or is reserved."""


class TopicError(ContractError, ValueError):
    """A topic that the table of channels does not know."""


class DecodeError(ContractError, ValueError):
    """A payload that does not decode: ``where`` is its topic, ``reason`` names the field."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class EnvelopeError(ContractError, ValueError):
    """A signed message that must not be believed; ``reason`` is a value of ``EnvelopeFault``."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class TokenError(ContractError, ValueError):
    """A text that is no one-time token of an enrolment; the message never holds the text."""


class KeyFileError(ContractError, ValueError):
    """A key folder that cannot be used; the message names the file, never its content."""


class ConfigError(ContractError, ValueError):
    """A configuration file that cannot be used; the message names file and key."""


class RecordingError(ContractError, ValueError):
    """What is no recording of an agent; the message names the line."""


class ReleaseError(ContractError, ValueError):
    """What is no release of the agent's program, or no offer of one; the message says why."""


class CoreError(ContractError, LookupError):
    """An entry point of the group ``pleintemps.cores`` is missing or cannot be imported."""


class ClockError(ContractError, OSError):
    """The socket of the simulated clock is absent or does not speak."""
