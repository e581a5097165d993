"""Whose key is used, and where it came from. The key itself is shown nowhere.

A key stays inside its `ApiKey` until the moment a request leaves: not in `repr`, not in an exception,
not in a pickle. Prefect pickles and stores what tasks return and logs what they raise, so everything
that only needs to know *which* key it was works with the fingerprint.
"""

from __future__ import annotations

import configparser
import hashlib
import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from footage.errors import AccountProblem
from footage.privacy.redact import never_show

ENVIRONMENT_VARIABLE = "DASHSCOPE_API_KEY"
# Alibaba Cloud's own names; which of the two its tools read differs.
PROFILE_VARIABLES = ("ALIBABA_CLOUD_PROFILE", "ALICLOUD_PROFILE")
CREDENTIALS_FILE = ".alibabacloud/credentials"

# Of keys that are said to belong to no account by name: they count as one, so that no account is paced twice.
DEFAULT_ACCOUNT = "default"
# It becomes part of the names of limits.
ACCOUNT_PATTERN = r"[a-z0-9][a-z0-9-]{0,39}"

_PRINTABLE = frozenset(string.ascii_letters + string.digits + string.punctuation)


class ApiKey:
    """One key and where it came from; `reveal()` is the only way to the text."""

    __slots__ = ("__text", "account", "fingerprint", "region", "source", "workspace")

    def __init__(
        self,
        text: str,
        source: str,
        *,
        region: str | None = None,
        workspace: str | None = None,
        account: str | None = None,
    ) -> None:
        """Wrap a text that `parse_key` has accepted; use that one for text from outside."""
        self.__text = text
        # Enough to tell keys apart in evidence and logs, useless for finding one.
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.source = source
        self.region = region
        self.workspace = workspace
        # As the operator calls it: no key shows whose it is.
        self.account = account or DEFAULT_ACCOUNT

    def reveal(self) -> str:
        """The key itself, for the one line that puts it into a request."""
        return self.__text

    def __repr__(self) -> str:
        return f"ApiKey(…, source={self.source!r}, fingerprint={self.fingerprint!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ApiKey):
            return NotImplemented
        return (self.__text, self.source, self.region, self.workspace, self.account) == (
            other.__text,
            other.source,
            other.region,
            other.workspace,
            other.account,
        )

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("An API key is not pickled or copied: it would end up in a store or a log.")


def parse_key(
    text: str,
    source: str,
    *,
    region: str | None = None,
    workspace: str | None = None,
    account: str | None = None,
) -> ApiKey:
    """Accept any printable ASCII without white space; `source` is for people: "environment", "block prod".

    Keys come in several shapes (`sk-` + 32 hex digits, `sk-ws-…` of about 115 characters), so nothing
    more is checked here. What is refused would otherwise end up in a header: requests answers a key with
    a line break in it with an exception that shows the key.

    Raises:
        AccountProblem: The text cannot be a key; the message does not repeat it.
    """
    if not text:
        raise _unusable(source, "it is empty")
    foreign = [at for at, character in enumerate(text) if character not in _PRINTABLE]
    if foreign:
        raise _unusable(
            source,
            f"character {foreign[0] + 1} of {len(text)} is white space, a control character or not ASCII",
        )
    if text[0] in "\"'" or text[-1] in "\"'":
        raise _unusable(source, "it is in quotation marks")
    never_show(text)
    if account and not re.fullmatch(ACCOUNT_PATTERN, account):
        raise AccountProblem(
            f"The account of the key from the {source} has a name that cannot be used.",
            next_step="give it 1 to 40 lower-case letters, digits and '-'",
        )
    return ApiKey(text, source, region=region, workspace=workspace, account=account)


def find_key(env: Mapping[str, str], home: Path) -> ApiKey:
    """The key from `DASHSCOPE_API_KEY`, else from `~/.alibabacloud/credentials`.

    The file is the INI file of Alibaba Cloud's tools; the entry is `dashscope_api_key`, beside it may be
    `dashscope_region`, `dashscope_workspace` and `dashscope_account`. The section is `[default]` or the profile that
    `ALIBABA_CLOUD_PROFILE` (or `ALICLOUD_PROFILE`) names. An empty variable counts as not set.

    Raises:
        AccountProblem: No key in any place, or the first one found cannot be used.
    """
    if env.get(ENVIRONMENT_VARIABLE):
        return parse_key(env[ENVIRONMENT_VARIABLE], "environment")
    profile = next((env[name] for name in PROFILE_VARIABLES if env.get(name)), "default")
    path = home / CREDENTIALS_FILE
    entries = _section(path, profile)
    if entries is not None and entries.get("dashscope_api_key"):
        return parse_key(
            entries["dashscope_api_key"],
            "credentials file",
            region=entries.get("dashscope_region") or None,
            workspace=entries.get("dashscope_workspace") or None,
            account=entries.get("dashscope_account") or None,
        )
    raise AccountProblem(
        f"No Model Studio API key was found. Looked in the Prefect block, in {ENVIRONMENT_VARIABLE}, "
        f"and for dashscope_api_key under [{profile}] in ~/{CREDENTIALS_FILE}.",
        next_step=f"create a key in the Model Studio console and set {ENVIRONMENT_VARIABLE} to it",
    )


def _section(path: Path, profile: str) -> Mapping[str, str] | None:
    """The entries of one profile; None when file or profile are not there."""
    # "default" is an ordinary section here: as configparser's own default it would leak into every profile.
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
    try:
        # utf-8-sig: editors on Windows put a byte order mark in front of the first section.
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        # Only the kind of error: configparser repeats the line it could not read, and that may be the key.
        problem = type(error).__name__
    else:
        return dict(parser[profile]) if parser.has_section(profile) else None
    raise AccountProblem(
        f"~/{CREDENTIALS_FILE} cannot be read ({problem}).",
        next_step=f"mend the file, or set {ENVIRONMENT_VARIABLE}",
    )


def _unusable(source: str, why: str) -> AccountProblem:
    return AccountProblem(
        f"The API key from the {source} cannot be used: {why}.",
        next_step="copy the key again, without blanks, line breaks or quotation marks",
    )
