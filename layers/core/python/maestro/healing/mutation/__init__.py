"""Do tests still notice defects? Mutants of what they cover, run with them before and after a patch.

``making`` writes mutants, at the places that ``places`` finds; ``chosen`` says which tests are asked, and ``trial``
which mutants are run and what that shows.
"""

from maestro.healing.mutation.chosen import Setting
from maestro.healing.mutation.making import Mutant, product_file, write
from maestro.healing.mutation.trial import experiment, verdict

__all__ = ["Mutant", "Setting", "experiment", "product_file", "verdict", "write"]
