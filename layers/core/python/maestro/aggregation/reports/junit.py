"""``junit.xml`` as pytest writes it (the "junit 10" schema of Jenkins' xUnit plugin), written as a stream."""

from pathlib import Path
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from maestro.aggregation.reports.text import first_line, plain, split_id, xml_safe
from maestro.aggregation.verdicts import SuiteVerdict, Verdict
from maestro.model import CaseResult, Outcome


def write_junit(verdict: Verdict, dest: Path, *, timestamp: str = "") -> None:
    """Write a run's results. A flaky test passes and carries a ``flakyFailure``; ``time`` is in seconds."""
    with dest.open("wb") as stream:
        xml = XMLGenerator(stream, encoding="utf-8", short_empty_elements=True)
        xml.startDocument()
        totals = verdict.totals
        _start(
            xml,
            "testsuites",
            name="maestro",
            tests=str(sum(totals.values())),
            failures=str(totals[Outcome.FAILED]),
            errors=str(totals[Outcome.ERROR]),
            time=_time(verdict.seconds),
        )
        for suite in verdict.suites:
            _suite(xml, suite, timestamp)
        xml.endElement("testsuites")
        xml.endDocument()


def case_names(test: str) -> tuple[str, str]:
    """Return the ``classname`` and ``name`` that stand for a test id, as pytest writes them."""
    place, name = split_id(test)
    path, _, classes = place.partition("::")
    module = path.removesuffix(".py").replace("/", ".")
    classname = ".".join(part for part in (module, classes.replace("::", ".")) if part)
    return xml_safe(classname), xml_safe(name)


def _suite(xml: XMLGenerator, suite: SuiteVerdict, timestamp: str) -> None:
    totals = suite.totals
    attributes = {
        "name": xml_safe(suite.suite),
        "tests": str(len(suite.results)),
        "failures": str(totals[Outcome.FAILED]),
        "errors": str(totals[Outcome.ERROR]),
        "skipped": str(totals[Outcome.SKIPPED] + totals[Outcome.XFAILED]),
        "time": _time(suite.seconds),
    }
    if timestamp:
        attributes["timestamp"] = xml_safe(timestamp)
    _start(xml, "testsuite", **attributes)
    for result in suite.results:
        _case(xml, result)
    xml.endElement("testsuite")


def _case(xml: XMLGenerator, result: CaseResult) -> None:
    classname, name = case_names(result.id)
    _start(xml, "testcase", classname=classname, name=name, time=_time(result.seconds))
    if result.outcome is Outcome.FAILED:
        _child(xml, "failure", result)
    elif result.outcome is Outcome.ERROR:
        _child(xml, "error", result)
    elif result.outcome is Outcome.SKIPPED:
        _child(xml, "skipped", result, kind="pytest.skip")
    elif result.outcome is Outcome.XFAILED:
        _child(xml, "skipped", result, kind="pytest.xfail")
    elif result.outcome is Outcome.FLAKY:
        _child(xml, "flakyFailure", result)
    xml.endElement("testcase")


def _child(xml: XMLGenerator, tag: str, result: CaseResult, kind: str = "") -> None:
    facts = result.facts
    message = plain(result.message or (facts.message if facts else ""))
    kind = kind or plain(facts.exception if facts and facts.exception else "failure")
    _start(xml, tag, message=first_line(message, 1000), type=kind)
    xml.characters(plain(facts.text) if facts and facts.text else message)
    xml.endElement(tag)


def _start(xml: XMLGenerator, tag: str, **attributes: str) -> None:
    xml.startElement(tag, AttributesImpl(attributes))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
