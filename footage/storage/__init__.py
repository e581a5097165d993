"""Where clips and their evidence are kept: one small interface over a folder, S3, Alibaba OSS and more.

This is the only room that speaks fsspec. Nothing of fsspec, botocore or aiohttp leaves it: every error is
a StorageProblem that says what was being done to which object, and never holds a credential.
"""

from footage.storage.base import Store
from footage.storage.factory import check_store, open_store

__all__ = ["Store", "check_store", "open_store"]
