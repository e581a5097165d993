"""Marks of generated videos: the `AIGC` label and the C2PA manifest.

What a file carries is read from its boxes in the child process and told as it stands there; what is kept, what is
written and what is not promised says README.md. All functions block.
"""

from footage.marks.label import ALLOWED_PRODUCER, UNNAMED, Labelling, made_label, producer_fault
from footage.marks.reading import Label, Manifest, Marks, read_marks
from footage.marks.report import KINDS, FileReport, Kind
from footage.marks.signing import NotSignedError, Signing, Statement, sign_file

__all__ = [
    "ALLOWED_PRODUCER",
    "KINDS",
    "UNNAMED",
    "FileReport",
    "Kind",
    "Label",
    "Labelling",
    "Manifest",
    "Marks",
    "NotSignedError",
    "Signing",
    "Statement",
    "made_label",
    "producer_fault",
    "read_marks",
    "sign_file",
]
