"""Bytes from other people's servers: the finished clip of the provider, and a user's reference image.

Both are read in bounded memory and under limits of size, silence, rate and total time, and neither is
ever sent a key of ours.
"""

from footage.transfer.download import Downloaded, download
from footage.transfer.download_limits import Limits
from footage.transfer.fetch_reference import fetch_reference

__all__ = ["Downloaded", "Limits", "download", "fetch_reference"]
