"""Is everything in place? One finding for each question, with the fix. Reads only, buys nothing.

`local_findings` needs neither key nor network (but for a store that is elsewhere); `provider_findings` asks the
provider what is free to ask. Both give each finding as soon as it is known.
"""

from footage.checkup.account import provider_findings
from footage.checkup.finding import Finding, Level, examine, exit_code
from footage.checkup.installation import local_findings

__all__ = ["Finding", "Level", "examine", "exit_code", "local_findings", "provider_findings"]
