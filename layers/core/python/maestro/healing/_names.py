"""What is known of names: which ones Python and its libraries dropped, and which ones mean time or assertion."""

import builtins
import re

from maestro.healing._catalogued import python_names

# Aliases of one assertion: the old word and the one that it always meant (unittest, nose, Django).
ASSERTION_ALIASES = {
    "assertEquals": "assertEqual",
    "assertNotEquals": "assertNotEqual",
    "assertAlmostEquals": "assertAlmostEqual",
    "assertNotAlmostEquals": "assertNotAlmostEqual",
    "assertRegexpMatches": "assertRegex",
    "assertNotRegexpMatches": "assertNotRegex",
    "assertRaisesRegexp": "assertRaisesRegex",
    "assertItemsEqual": "assertCountEqual",
    "assert_": "assertTrue",
    "failUnless": "assertTrue",
    "failIf": "assertFalse",
    "failUnlessEqual": "assertEqual",
    "failIfEqual": "assertNotEqual",
    "failUnlessAlmostEqual": "assertAlmostEqual",
    "failIfAlmostEqual": "assertNotAlmostEqual",
    "failUnlessRaises": "assertRaises",
    "assertQuerysetEqual": "assertQuerySetEqual",
    "assertFormsetError": "assertFormSetError",
}
# Attributes of a mock that read like assertions and assert nothing; Python 3.12 refuses them.
MOCK_MISTAKES = frozenset({"called_with", "called_once", "called_once_with", "not_called", "has_calls", "any_call"})
PYTHON2_BUILTINS = frozenset(
    [
        "apply",
        "basestring",
        "buffer",
        "cmp",
        "coerce",
        "execfile",
        "file",
        "intern",
        "long",
        "raw_input",
        "reduce",
        "reload",
        "unichr",
        "unicode",
        "xrange",
    ]
)
BUILTIN_ATTRIBUTES = frozenset(
    name
    for kind in (
        str,
        bytes,
        int,
        float,
        complex,
        list,
        tuple,
        dict,
        set,
        frozenset,
        bytearray,
        range,
        object,
        BaseException,
    )
    for name in dir(kind)
)
BUILTINS = frozenset(dir(builtins))

_GONE = {
    "collections": "Awaitable AsyncIterable AsyncIterator ByteString Callable Collection Container Coroutine Generator "
    "Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping MutableSequence MutableSet "
    "Reversible Sequence Set Sized ValuesView",
    "time": "clock",
    "inspect": "getargspec formatargspec getmoduleinfo getmodulename",
    "asyncio": "coroutine async iscoroutinefunction get_event_loop JoinableQueue Task.all_tasks Task.current_task "
    "AbstractChildWatcher",
    "string": "letters lowercase uppercase maketrans atoi atof atol join split strip lower upper replace find rfind "
    "joinfields splitfields zfill ljust rjust index count expandtabs",
    "os": "getcwdu errno popen2 popen3 popen4 spawnvp tmpnam tempnam tmpfile",
    "sys": "maxint setcheckinterval getcheckinterval exc_clear exc_type exc_value exc_traceback subversion",
    "itertools": "izip imap ifilter izip_longest ifilterfalse",
    "platform": "linux_distribution dist popen",
    "cgi": "escape parse_qs parse_qsl",
    "unittest": "makeSuite findTestCases getTestCaseNames _TextTestResult",
    "threading": "currentThread activeCount _sleep _time",
    "base64": "encodestring decodestring",
    "fractions": "gcd",
    "gettext": "lgettext lngettext ldgettext ldngettext",
    "types": "StringType UnicodeType IntType LongType FloatType ListType DictType TupleType NoneType ClassType "
    "InstanceType StringTypes BooleanType FunctionType FileType ObjectType TypeType SliceType EllipsisType coroutine",
    "xml": "etree.cElementTree",
    "urllib": "urlencode quote quote_plus unquote unquote_plus urlopen urlretrieve pathname2url url2pathname "
    "FancyURLopener URLopener getproxies splittype splithost splitquery proxy_bypass",
    "email": "Utils MIMEText MIMEMultipart MIMEBase Encoders Header Message",
    "html": "parser.HTMLParseError parser.HTMLParser.unescape",
    "plistlib": "readPlist writePlist readPlistFromBytes writePlistToBytes readPlistFromString",
    "ast": "Num Str Bytes NameConstant Ellipsis",
    "typing": "io re ByteString",
    "re": "template TEMPLATE _pattern_type Scanner",
    "pkgutil": "ImpImporter ImpLoader find_loader get_loader",
    "importlib": "find_loader abc.Finder resources.contents resources.is_resource resources.open_binary "
    "resources.open_text resources.path resources.read_binary resources.read_text",
    "locale": "format getdefaultlocale resetlocale",
    "logging": "warn",
    "configparser": "SafeConfigParser ParsingError.filename",
    "abc": "abstractproperty",
    "datetime": "datetime.utcnow datetime.utcfromtimestamp",
    "ssl": "wrap_socket match_hostname RAND_pseudo_bytes",
    "random": "jumpahead",
    "math": "",
    "operator": "isCallable sequenceIncludes isSequenceType isMappingType isNumberType repeat getslice setslice",
    "tempfile": "mktemp",
    "contextlib": "nested",
    "decimal": "",
    "binascii": "b2a_hqx a2b_hqx rlecode_hqx rledecode_hqx",
    "webbrowser": "MacOSX",
}
_STDLIB_GONE = {f"{module}.{name}" for module, names in _GONE.items() for name in names.split()}
# Whole modules that later Pythons no longer have, though they are (or were) of the standard library.
_MODULES_GONE = frozenset(
    [
        "asynchat",
        "asyncore",
        "audioop",
        "cgi",
        "cgitb",
        "chunk",
        "crypt",
        "distutils",
        "imghdr",
        "imp",
        "lib2to3",
        "mailcap",
        "msilib",
        "nis",
        "nntplib",
        "ossaudiodev",
        "pipes",
        "smtpd",
        "sndhdr",
        "spwd",
        "sunau",
        "telnetlib",
        "uu",
        "xdrlib",
        "binhex",
        "formatter",
        "parser",
        "symbol",
        "macpath",
        "dummy_threading",
        "_dummy_threading",
    ]
)
GONE_ATTRIBUTES = frozenset(
    [
        "isAlive",
        "getchildren",
        "getiterator",
        "has_key",
        "iteritems",
        "iterkeys",
        "itervalues",
        "viewitems",
        "viewkeys",
        "viewvalues",
        "func_name",
        "func_code",
        "func_defaults",
        "func_globals",
        "func_closure",
        "func_doc",
        "func_dict",
        "im_func",
        "im_self",
        "im_class",
        "next",
        "tostring",
        "fromstring",
        "assertDictContainsSubset",
        "setDaemon",
        "isDaemon",
        "getName",
        "setName",
        "notifyAll",
        "message",
    ]
)


def stdlib_gone(dotted: str) -> bool:
    """Whether a name of today's standard library ("collections.Mapping") was dropped or renamed by some Python 3."""
    return dotted.split(".", maxsplit=1)[0] in _MODULES_GONE or any(
        dotted == gone or dotted.startswith(gone + ".") for gone in (*_STDLIB_GONE, *python_names())
    )


def builtin(name: str) -> bool:
    """Whether a qualified name is of Python's own builtins: "isinstance", "str.join", "NoneType".

    >>> builtin("str.join"), builtin("NoneType"), builtin("random.seed")
    (True, True, False)
    """
    first, _, rest = name.partition(".")
    return first == "NoneType" or (first in BUILTINS and (not rest or rest in BUILTIN_ATTRIBUTES))


WAITS = re.compile(
    r"sleep|wait|wait_for|wait_until\w*|timeout|settimeout|set_timeout|join|Timer|fail_after|move_on_after"
)
_WAITING_KEYWORD = re.compile(r"\w*time_?out\w*|\w*delay\w*|\w*deadline\w*|wait\w*|max_wait\w*")
_SPAN_KEYWORD = re.compile(r"\w*(seconds|duration|interval|period)\w*")


def waits(callee: str, keyword: str) -> bool:
    """Whether a keyword says how long a call may take: ``timeout=``, or ``seconds=`` of ``sleep`` and the like."""
    spans = bool(WAITS.fullmatch(callee)) and bool(_SPAN_KEYWORD.fullmatch(keyword))
    return spans or bool(_WAITING_KEYWORD.fullmatch(keyword))


def asserts(name: str) -> bool:
    """Whether a function of this name asserts, as outsiders count it (unittest, pytest, mock, nose)."""
    return (
        name.startswith(("assert", "fail"))
        or name in ("raises", "warns", "approx", "deprecated_call")
        or name in ("eq_", "ok_", "DocTestSuite")
    )
