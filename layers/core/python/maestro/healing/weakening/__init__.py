"""Does a change make the tests say less? A static comparison of the trees before and after a patch.

It never runs project code. Two views are combined, and a repair is refused by either: scans that count
constructs known to weaken tests (:mod:`maestro.healing.weakening.scans`), and a walk of both syntax trees that allows
only a closed list of differences (:mod:`maestro.healing.weakening.equivalence`). What neither understands is refused.
"""

from maestro.healing.weakening.comparing import compare, find, inspect, knowledge_of, product_change
from maestro.healing.weakening.finding import Finding

__all__ = ["Finding", "compare", "find", "inspect", "knowledge_of", "product_change"]
