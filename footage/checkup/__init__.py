"""Is everything in place? One finding for each question, with the fix. Buys nothing, and leaves
nothing behind but word of a model that stops (`models-seen.json`).

`local_findings` needs neither key nor network (but for a store that is elsewhere); `provider_findings` asks the
provider what is free to ask. Both give each finding as soon as it is known.
"""

from footage.checkup.account import provider_findings
from footage.checkup.finding import Finding, Level, examine, exit_code
from footage.checkup.installation import buying_finding, local_findings

__all__ = [
    "Finding",
    "Level",
    "buying_finding",
    "examine",
    "exit_code",
    "local_findings",
    "provider_findings",
]
