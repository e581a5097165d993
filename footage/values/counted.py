"""How many there are, in words for a person."""


def counted(number: int, thing: str) -> str:
    """`1 clip`, or `2 clips`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
