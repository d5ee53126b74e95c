"""The generators of repairs, by strategy: each proposes small changes from knowledge, introspection or search.

They read the project and a failure's facts, never run either, touch what a test expects only with provenance, and stay
silent where they have nothing to say; :func:`maestro.healing.candidates.propose` runs them all.

>>> sorted({g.strategy.value for g in generators()} & {"syntax_repair", "dependency_fix"})
['dependency_fix', 'syntax_repair']
"""

from maestro.healing.base import Generator
from maestro.healing.strategies.api_contract_adaptation.calls import CatalogueCall, LineMagic
from maestro.healing.strategies.api_contract_adaptation.dataclass_defaults import DataclassDefault
from maestro.healing.strategies.api_contract_adaptation.fields import RenamedField
from maestro.healing.strategies.api_contract_adaptation.hooks import ImportHook, OverriddenSignature
from maestro.healing.strategies.api_contract_adaptation.mock_assertions import MockAssertions
from maestro.healing.strategies.api_contract_adaptation.pytest_changes import HookArguments, NoseSetup, PytestSection
from maestro.healing.strategies.api_contract_adaptation.pytest_config import ConfigGiven
from maestro.healing.strategies.api_contract_adaptation.pytest_forms import pytest_forms
from maestro.healing.strategies.api_contract_adaptation.pytest_logging import PlainRootLogger
from maestro.healing.strategies.api_contract_adaptation.pytest_strict import StrictSetting
from maestro.healing.strategies.api_contract_adaptation.pytest_tests import MarkedFixtures, YieldTests
from maestro.healing.strategies.api_contract_adaptation.pytest_warnings import PlainWarnings
from maestro.healing.strategies.api_contract_adaptation.renames import CatalogueKeyword, CatalogueRename
from maestro.healing.strategies.api_contract_adaptation.similar import SaidSuccessor, SimilarKeyword, SimilarName
from maestro.healing.strategies.api_contract_adaptation.targets import PatchTarget
from maestro.healing.strategies.assertion_update.following import FOLLOWING
from maestro.healing.strategies.dependency_fix.checkers import SucceededOption
from maestro.healing.strategies.dependency_fix.dated import DatedEnvironment
from maestro.healing.strategies.dependency_fix.missing_module import MissingModule, NamedRequirement
from maestro.healing.strategies.dependency_fix.plugins import MissingPlugin
from maestro.healing.strategies.dependency_fix.unbuildable import UnbuildableRequirement
from maestro.healing.strategies.dependency_fix.versions import FamilyPin, VersionPin
from maestro.healing.strategies.environment_healing.project import DistinctPackages, ProjectInstalled, ProjectPath
from maestro.healing.strategies.environment_healing.variables import (
    Conventional,
    Encoding,
    GitIdentity,
    SaidVariable,
    StatedEnvironment,
    StatedVariable,
)
from maestro.healing.strategies.environment_healing.warned import ForeignWarning
from maestro.healing.strategies.flaky_stabilization.anew import MadeAnew
from maestro.healing.strategies.flaky_stabilization.clocks import ClockSetBack
from maestro.healing.strategies.flaky_stabilization.draws import SeededDraws
from maestro.healing.strategies.flaky_stabilization.listings import ListedByName, SortedListing
from maestro.healing.strategies.flaky_stabilization.own_files import OwnFiles
from maestro.healing.strategies.flaky_stabilization.ports import FreePort
from maestro.healing.strategies.flaky_stabilization.scopes import NarrowScope
from maestro.healing.strategies.flaky_stabilization.setters import StateSetters
from maestro.healing.strategies.flaky_stabilization.state import RestoreState
from maestro.healing.strategies.flaky_stabilization.submodules import ImportedSubmodule
from maestro.healing.strategies.flaky_stabilization.unordered import ComparedUnordered
from maestro.healing.strategies.syntax_repair.endings import GeneratorEnd
from maestro.healing.strategies.syntax_repair.escapes import EscapeSequences
from maestro.healing.strategies.syntax_repair.newer import NewerPython
from maestro.healing.strategies.syntax_repair.python2 import ImplicitRelative, Python2
from maestro.healing.strategies.syntax_repair.small import SmallSyntax
from maestro.healing.strategies.syntax_repair.views import ListOfView
from maestro.healing.strategies.timing_adjustment.polling import AwaitedCondition
from maestro.healing.strategies.timing_adjustment.waits import ShortWait, SlowMachine, StatedSpan

__all__ = ["generators"]


def generators() -> list[Generator]:
    """Return one of each generator, those that adapt code before those that pin."""
    return [
        SmallSyntax(),
        EscapeSequences(),
        Python2(),
        ImplicitRelative(),
        ListOfView(),
        GeneratorEnd(),
        NewerPython(),
        HookArguments(),
        PytestSection(),
        StrictSetting(),
        NoseSetup(),
        YieldTests(),
        MarkedFixtures(),
        PlainRootLogger(),
        PlainWarnings(),
        *pytest_forms(),
        ConfigGiven(),
        CatalogueCall(),
        MockAssertions(),
        LineMagic(),
        OverriddenSignature(),
        ImportHook(),
        CatalogueRename(),
        CatalogueKeyword(),
        PatchTarget(),
        DataclassDefault(),
        RenamedField(),
        SaidSuccessor(),
        SimilarName(),
        SimilarKeyword(),
        MissingModule(),
        NamedRequirement(),
        UnbuildableRequirement(),
        SucceededOption(),
        MissingPlugin(),
        ProjectInstalled(),
        ProjectPath(),
        StatedVariable(),
        Encoding(),
        GitIdentity(),
        Conventional(),
        SaidVariable(),
        DistinctPackages(),
        StatedEnvironment(),
        ForeignWarning(),
        StatedSpan(),
        AwaitedCondition(),
        ShortWait(),
        SlowMachine(),
        ImportedSubmodule(),
        NarrowScope(),
        MadeAnew(),
        RestoreState(),
        StateSetters(),
        SortedListing(),
        ListedByName(),
        ComparedUnordered(),
        OwnFiles(),
        SeededDraws(),
        ClockSetBack(),
        FreePort(),
        *FOLLOWING,
        VersionPin(),
        FamilyPin(),
        DatedEnvironment(),
    ]
