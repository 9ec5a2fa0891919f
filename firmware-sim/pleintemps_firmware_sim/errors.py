"""Everything that can go wrong in the simulator.

    SimulatorError
    ├── LinkError (OSError)          a device's link cannot be made: something else stands at its path
    ├── PinsError (OSError)          the simulator's pins do not answer
    ├── DatasetError (ValueError)    a recording that cannot be played; names file and column
    ├── PortBusyError (OSError)      another program listens on the port that was asked for
    ├── DataFolderError (OSError)    the folder for the demo's data holds something already
    ├── ChildError (RuntimeError)    a program that was started did not come up or ended by itself
    ├── GatewayError (RuntimeError)  the gateway's API refused or did not answer
    ├── BrokerError (ConnectionError)  a broker that refuses a fleet, or does not speak MQTT
    ├── StageError (RuntimeError)    a scenario with a fault that nothing here can do
    ├── UnmetError (AssertionError)  a requirement of the conformance suite that an agent does not meet
    ├── ConformError (ValueError)    a configuration that no agent runs on; names file and key
    ├── ControlError (ValueError)    a tester's order that names no such door, key or device
    └── ScenarioError (ValueError)   a scenario's file that is wrong; names file, line and column

The last three and DatasetError say that what the tester gave is wrong, the others that the outside did wrong.
"""


class SimulatorError(Exception):
    """Root of all errors of the simulator; ``str()`` is one line for the user."""


class LinkError(SimulatorError, OSError):
    """The path wanted for a device's link is taken by something that is not a link."""


class PinsError(SimulatorError, OSError):
    """No simulator answers on the socket of the pins."""


class DatasetError(SimulatorError, ValueError):
    """A recording that is absent or does not hold what is promised."""


class PortBusyError(SimulatorError, OSError):
    """The port is in use."""


class DataFolderError(SimulatorError, OSError):
    """The folder holds something already: an earlier demo's counts would be taken for ours."""


class ChildError(SimulatorError, RuntimeError):
    """A started program ended or did not answer in time; the message holds the end of its log."""


class GatewayError(SimulatorError, RuntimeError):
    """The gateway's API answered with an error, or not at all."""


class BrokerError(SimulatorError, ConnectionError):
    """The broker refuses us, or what answers is none."""


class StageError(SimulatorError, RuntimeError):
    """A scenario that cannot be played on this stage, or not on this machine."""


class ControlError(SimulatorError, ValueError):
    """An order to the running demo that cannot be carried out."""


class UnmetError(SimulatorError, AssertionError):
    """What was wanted of an agent did not come true; the message says what was seen instead."""


class ConformError(SimulatorError, ValueError):
    """An agent's configuration that cannot be put on the bench."""


class ScenarioError(SimulatorError, ValueError):
    """A scenario's file cannot be used. ``line`` and ``column`` count from 1."""

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {message}")
        self.line = line
        self.column = column
