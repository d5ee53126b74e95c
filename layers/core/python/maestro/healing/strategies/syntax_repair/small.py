"""Small slips that keep one file from parsing: a colon, a bracket, an indentation, a left-over merge."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.known_forms.misspelt import markers_left, respelt
from maestro.healing.known_forms.readings import TYPOGRAPHIC, settled
from maestro.healing.known_forms.slips import programs, refusal
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_BLOCK = re.compile(r"^\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b")
_MOST_PARSED = 8_000_000  # characters: some seconds; the likelier kinds of slips are tried first
_WORD = re.compile(r"[A-Za-z_]\w*")
_ARGUMENT = tuple("'\"{[*)")  # what an argument may begin with, and no operator does after a name
_CLAIM = re.compile(r"^(\s*assert\s+[^\s=<>!]*\([^=<>!]*[^\s=<>!])\s+(?:==|!=|<=|>=|<|>|is|in|not in)\s")
_KEYWORD = re.compile(r"\b(return|yield|if|elif|while|and|or|not|in|is|else|assert|lambda|await|for|del|raise)$")
_OPEN = {"(": ")", "[": "]", "{": "}"}
_BACK = {close: opening for opening, close in _OPEN.items()}
_RESERVED = re.compile(
    r"(?<![\w.])(async|await)(?=\s*[=,):.\]}]|\s*$)|(?<=\.)(async|await)\b|"
    r"(?<=def )(async|await)\b|(?<=class )(async|await)\b|(?<=import )(async|await)\b|(?<= as )(async|await)\b",
    re.MULTILINE,
)
_ENSURE_FUTURE = re.compile(r"\basyncio\.async\b(?=\s*\()")

Fix = Callable[[list[str], int], Iterator[list[str]]]


class SmallSyntax:
    """Repairs one slip where the parser stops; only what parses afterwards is proposed."""

    name = "small_syntax"
    strategy = Strategy.SYNTAX_REPAIR

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the texts that parse, the smallest kind of change first.

        Raises :class:`LeftAloneError` where only a guess could say which part of an expression a bracket held together.
        """
        evidence = Evidence(failure, project)
        slip = evidence.unparsed or _uncompiled(evidence)
        if slip is None:
            return
        file, line, text = slip
        lines = text.splitlines(keepends=True)
        at = min(max(line - 1, 0), max(len(lines) - 1, 0))
        seen: set[str] = set()
        guessed = False
        made: list[tuple[Fix, Proposal]] = []
        left = _MOST_PARSED
        for words, prior, fix in _FIXES:
            rank = 0
            for new in fix(lines, at):
                code = "".join(new)
                if code == text or code in seen or left < 0:
                    continue
                left -= len(code)
                if parse(code, evidence.python) is not None and refusal(code) is None:
                    seen.add(code)
                    said = words
                    if fix is _brackets and evidence.tree.role(file) is Role.PRODUCT:
                        grouping, elsewhere = ambiguous(lines, new)
                        if grouping:
                            guessed = True
                            continue
                        said += f"; it could also close after `{elsewhere}`" if elsewhere else ""
                    worth = max(prior - 0.15 * rank, 0.05)
                    made.append((fix, Proposal({file: code}, f"{file}:{line}: {said}", worth)))
                    rank += 1
        yield from (proposal for fix, proposal in made if not (guessed and fix in (_brackets, _opening)))
        if guessed:
            raise LeftAloneError(
                f"{file}:{line}: the bracket may close in several places, and each computes something else: where it "
                "stood is for people to say"
            )


def ambiguous(lines: list[str], new: list[str]) -> tuple[bool, str]:
    """Return whether a bracket that was closed on its own line groups a part of an expression, which may be any part.

    And the end of another part behind which it could close, "" for none: there the program would be another one. A
    bracket over several lines is closed where their indentation says.
    """
    places = [n for n, (old, now) in enumerate(zip(lines, new, strict=False)) if old != now]
    if len(lines) != len(new) or len(places) != 1:
        return False, ""
    at = places[0]
    code, rest = _split_comment(_end(lines[at])[0])[0], lines[at]
    rest = rest[len(code) :]
    missing, chosen = _unclosed(code), parse("".join(new))
    if len(new[at]) < len(lines[at]):  # a closing bracket was dropped, whose other half may have stood anywhere
        ends = [code.rfind(close) for close in ")]}"]
        starts = [m.start() for m in re.finditer(r"\w+", code) if "," not in code[m.start() : max(ends)]]
        others = [(code[n : max(ends)], f"{code[:n]}{_BACK[code[max(ends)]]}{code[n:]}") for n in starts]
        group = True
    elif len(missing) == 1 and not _unclosed(_split_comment(_end(new[at])[0])[0]):
        start = _opened(code)
        stops = [m.end() for m in re.finditer(r"\w+|[)\]}'\"]", code) if start < m.end() < len(code.rstrip(":,"))]
        others = [(code[start:n], f"{code[:n]}{missing}{code[n:]}") for n in stops]
        before = _KEYWORD.sub(" ", code[:start].rstrip())
        group = code[start] == "(" and not re.search(r"[\w)\]]$", before)
    else:
        return False, ""
    for part, text in others:
        other = parse("".join(_replace(lines, at, text + rest)))
        if other is not None and chosen is not None and ast.dump(other) != ast.dump(chosen):
            return group, part
    return False, ""


def _opened(code: str) -> int:
    """The place of the bracket that a line leaves open."""
    stack: list[int] = []
    quote = ""
    for number, char in enumerate(code):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPEN:
            stack.append(number)
        elif char in ")]}" and stack:
            stack.pop()
    return stack[-1] if stack else 0


def _uncompiled(evidence: Evidence) -> tuple[str, int, str] | None:
    """Return the path, line and text of a file that has Python's grammar and yet is no program."""
    path, line = evidence.syntax_location or ("", 0)
    text = evidence.tree.text(path) if path else None
    return None if text is None or refusal(text) is None else (path, line, text)


def _end(line: str) -> tuple[str, str]:
    body = line.rstrip("\r\n")
    return body, line[len(body) :]


def _replace(lines: list[str], at: int, line: str) -> list[str]:
    return [*lines[:at], line, *lines[at + 1 :]]


def _colon(lines: list[str], at: int) -> Iterator[list[str]]:
    """Put the colon at the end of the statement's header, before a comment."""
    for index in range(at, max(at - 3, -1), -1):
        body, end = _end(lines[index])
        code, space, comment = _split_comment(body)
        if code and not code.endswith((":", ",", "\\")):
            starts = any(_BLOCK.match(lines[i]) for i in range(index, max(index - 6, -1), -1))
            if starts:
                yield _replace(lines, index, f"{code}:{space}{comment}{end}")


def _split_comment(body: str) -> tuple[str, str, str]:
    quote = ""
    for number, char in enumerate(body):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#":
            code = body[:number].rstrip()
            return code, body[len(code) : number], body[number:]
    code = body.rstrip()
    return code, body[len(code) :], ""


def _brackets(lines: list[str], at: int) -> Iterator[list[str]]:
    """Close what is open at the end of a line near the error, or drop a closing bracket that opens nowhere."""
    opens = _unclosed(
        _split_comment(_end(lines[at])[0])[0]
    )  # newer Pythons name the line that opens, others a later one
    around = (*range(at, max(at - 30, -1), -1), *(range(at + 1, min(at + 60, len(lines))) if opens else ()))
    yield from _closed(lines, (n for n in around if not lines[n].strip(" \t\r\n,:")))  # a line that lost its bracket
    for index in range(at, max(at - 12, -1), -1):
        body, end = _end(lines[index])
        code, space, comment = _split_comment(body)
        missing = _unclosed(code)
        compared = _CLAIM.search(code) if missing[-1:] == ")" else None
        if compared:  # what is asserted of a call is mostly not one of its arguments
            yield _replace(lines, index, f"{code[: compared.end(1)]}){code[compared.end(1) :]}{space}{comment}{end}")
        if missing:
            stop = ":" if code.endswith(":") else "," if code.endswith(",") else ""
            yield _replace(lines, index, f"{code.removesuffix(stop)}{missing}{stop}{space}{comment}{end}")
            if stop:
                yield _replace(lines, index, f"{code}{missing}{space}{comment}{end}")
        for close in ")]}":
            if code.endswith((close, close + ":", close + ",")) and index >= at - 1:
                place = code.rindex(close)
                yield _replace(lines, index, code[:place] + code[place + 1 :] + space + comment + end)
    yield from _closed(lines, around)


def _closed(lines: list[str], places: Iterable[int]) -> Iterator[list[str]]:
    """Close a bracket at the end of some lines, before a comma or colon that stands there."""
    for index in places:
        body, end = _end(lines[index])
        code, space, comment = _split_comment(body)
        stop = code[-1:] if code.endswith((",", ":")) else ""
        for close in ")]}":
            if code.strip(" \t,:"):
                yield _replace(lines, index, f"{code}{close}{space}{comment}{end}")
            if stop or not code:  # alone on its line, which is empty now
                yield _replace(lines, index, f"{code.removesuffix(stop)}{space}{close}{stop}{comment}{end}")


def _opening(lines: list[str], at: int) -> Iterator[list[str]]:
    """Open the parenthesis of a call where a line closes one more than it opens."""
    known = Counter(_WORD.findall("".join(lines)))
    for index in range(at, max(at - 3, -1), -1):
        body, end = _end(lines[index])
        code, space, comment = _split_comment(body)
        if code.count(")") <= code.count("("):
            continue
        for word in _WORD.finditer(code):
            places = [word.end()] if code[word.end() : word.end() + 1] in _ARGUMENT else []
            if known[word[0]] == 1:  # two names that ran together
                parts = range(1, len(word[0]))
                cuts = [n for n in parts if known[word[0][:n]] and (known[word[0][n:]] or word[0][n:].isdigit())]
                places += [word.start() + n for n in cuts]
            for place in places:
                yield _replace(lines, index, f"{code[:place]}({code[place:]}{space}{comment}{end}")


def _unclosed(code: str) -> str:
    stack: list[str] = []
    quote = ""
    for char in code:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPEN:
            stack.append(_OPEN[char])
        elif stack and char == stack[-1]:
            stack.pop()
    return "".join(reversed(stack))


def _tabs(lines: list[str], at: int) -> Iterator[list[str]]:
    """Write indentation with spaces alone: eight columns to a tab as Python 2 read it, then four."""
    del at
    for width in (8, 4):
        yield [_spaces(line, width) for line in lines]


def _spaces(line: str, width: int) -> str:
    rest = line.lstrip(" \t")
    return line[: len(line) - len(rest)].expandtabs(width) + rest


def _indentation(lines: list[str], at: int) -> Iterator[list[str]]:
    """Give the line, and the block that goes on from it, an indentation that stands around it."""
    body = lines[at].lstrip(" \t")
    have = len(lines[at]) - len(body)
    near = [line for line in lines[max(0, at - 40) : at] + lines[at + 1 : at + 8] if line.strip()]
    widths = sorted({len(n) - len(n.lstrip(" \t")) for n in near} | {have + 4}, key=lambda w: (abs(w - have), w))
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip(" \t")) == have):
        end += 1
    for width in widths[:8]:
        if width != have:
            yield _replace(lines, at, " " * width + body)
            block = [" " * width + x.lstrip(" \t") if x.strip() else x for x in lines[at:end]]
            yield [*lines[:at], *block, *lines[end:]]


def _empty_block(lines: list[str], at: int) -> Iterator[list[str]]:
    """Fill a header whose body is missing (comments only) with ``pass``."""
    for index in range(at - 1, max(at - 4, -1), -1):
        body, end = _end(lines[index])
        if _split_comment(body)[0].endswith(":") and _BLOCK.match(body):
            width = len(body) - len(body.lstrip(" \t"))
            yield [*lines[: index + 1], " " * (width + 4) + "pass" + (end or "\n"), *lines[index + 1 :]]


def _conflict(lines: list[str], at: int) -> Iterator[list[str]]:
    """Settle left-over merge conflicts, where only one reading of them is a program."""
    del at
    text = settled("".join(lines))
    if text is not None:
        yield [text]


def _quotes(lines: list[str], at: int) -> Iterator[list[str]]:
    """Turn typographic quotes and spaces that an editor made into those of the language."""
    yield _replace(lines, at, lines[at].translate(TYPOGRAPHIC))
    yield [line if line.isascii() else line.translate(TYPOGRAPHIC) for line in lines]


def _strings(lines: list[str], at: int) -> Iterator[list[str]]:
    """Close a string that ends with its line."""
    body, end = _end(lines[at])
    for quote in ("'", '"'):
        yield _replace(lines, at, body + quote + end)
        for close in (")", ":", "):", ",", "),"):
            if body.endswith(close):
                yield _replace(lines, at, body.removesuffix(close) + quote + close + end)


def _slips(lines: list[str], at: int) -> Iterator[list[str]]:
    """Close a triple-quoted string, or put a statement where it belongs."""
    del at
    for text in programs("".join(lines)):
        yield [text]


def _nested_quotes(lines: list[str], at: int) -> Iterator[list[str]]:
    """Use the other quotes inside an f-string's fields (before Python 3.12 they could not nest)."""
    for index in range(at, max(at - 3, -1), -1):
        line = lines[index]
        for quote, other in (("'", '"'), ('"', "'")):
            fields = "".join(
                part.replace(quote, other) if part.startswith("{") else part for part in re.split(r"(\{[^{}]*\})", line)
            )
            yield _replace(lines, index, fields)


def _reserved(lines: list[str], at: int) -> Iterator[list[str]]:
    """Rename ``async`` and ``await`` where they are identifiers, in the whole file, with an underscore after them.

    What asyncio itself called ``async`` has been ``ensure_future`` since Python 3.4.4.
    """
    del at
    text = _ENSURE_FUTURE.sub("asyncio.ensure_future", "".join(lines))
    yield [_RESERVED.sub(lambda found: found[0] + "_", text)]


def _comma(lines: list[str], at: int) -> Iterator[list[str]]:
    """Put a missing comma at the end of the line, or of the one before."""
    for index in (at, at - 1):
        if index >= 0:
            body, end = _end(lines[index])
            code, space, comment = _split_comment(body)
            if code and not code.endswith((",", "(", "[", "{", ":")):
                yield _replace(lines, index, f"{code},{space}{comment}{end}")


def _spelling(lines: list[str], at: int) -> Iterator[list[str]]:
    """Write a keyword or an operator as the language has it, or take out what is left of a settled conflict."""
    for place in markers_left(lines):
        yield [*lines[:place], *lines[place + 1 :]]
    for index in range(at, max(at - 3, -1), -1):
        body, end = _end(lines[index])
        width = len(body) - len(body.lstrip())
        above = [line for line in lines[:index] if line.strip() and len(line) - len(line.lstrip()) < width]
        owner = "self" if above and above[-1].lstrip().startswith("class ") else ""
        for reading in respelt(body, owner):
            yield _replace(lines, index, reading + end)


def _header(lines: list[str], at: int) -> Iterator[list[str]]:
    """Give the header of the block above the indentation that its next neighbour has."""
    width = len(lines[at]) - len(lines[at].lstrip(" \t"))
    for index in range(at - 1, max(at - 80, -1), -1):
        have = len(lines[index]) - len(lines[index].lstrip(" \t"))
        if lines[index].strip() and have < width:
            if _BLOCK.match(lines[index]):
                yield _replace(lines, index, " " * width + lines[index].lstrip(" \t"))
            return


def _assignment(lines: list[str], at: int) -> Iterator[list[str]]:
    """Compare where a condition assigns."""
    found = re.match(r"^(\s*(?:if|elif|while|assert)\s+[^=!<>:]+[^=!<>:\s]\s*)=(\s*[^=].*)$", lines[at].rstrip("\r\n"))
    if found:
        yield _replace(lines, at, f"{found[1]}=={found[2]}{_end(lines[at])[1]}")


_FIXES: tuple[tuple[str, float, Fix], ...] = (
    ("the header of a block had no colon", 0.95, _colon),
    ("indentation mixed tabs and spaces", 0.95, _tabs),
    ("a merge conflict was left in, one side of which is no program", 0.85, _conflict),
    ("typographic quotes stood in the code", 0.9, _quotes),
    ("a word or an operator was misspelt", 0.9, _spelling),
    ("a string was not closed", 0.7, _strings),
    ("a string of several lines was not closed, or a statement stood where it cannot", 0.8, _slips),
    ("an f-string's field used the string's own quotes", 0.9, _nested_quotes),
    ("async and await are keywords now", 0.8, _reserved),
    ("a block was empty", 0.6, _empty_block),
    ("a comma was missing", 0.6, _comma),
    ("a condition assigned instead of comparing", 0.7, _assignment),
    ("a parenthesis was not opened", 0.75, _opening),
    ("a bracket was not matched", 0.7, _brackets),
    ("the header of a block was indented differently from its neighbours", 0.7, _header),
    ("a line was indented differently from its block", 0.65, _indentation),
)
