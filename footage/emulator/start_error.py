"""Why an emulator does not start."""


class CannotStart(ValueError):
    """It cannot start with this value of this option; `option` is its name on the command line."""

    def __init__(self, option: str, value: object, why: str) -> None:
        super().__init__(f"--{option} {value}: {why}")
        self.option, self.value, self.why = option, str(value), why


class StateInUse(CannotStart):
    """Another emulator works with this state folder; two would mix up one set of books."""
