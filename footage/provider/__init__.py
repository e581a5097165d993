"""The Wan service: asking it, and ordering from it.

The only room that imports the DashScope SDK and the only one that may spend money. Importing it is cheap;
the SDK itself is loaded with the first request.
"""

from footage.provider.client import WanClient
from footage.provider.codes import ErrorCode, classify
from footage.provider.results import (
    Created,
    ModelListing,
    Probe,
    Quota,
    TaskAnswer,
    TaskPage,
    TaskRow,
    TaskStatus,
    Usage,
)

__all__ = [
    "Created",
    "ErrorCode",
    "ModelListing",
    "Probe",
    "Quota",
    "TaskAnswer",
    "TaskPage",
    "TaskRow",
    "TaskStatus",
    "Usage",
    "WanClient",
    "classify",
]
