"""What the functions call: a run from its request to its record.

Each module is the whole behaviour of one function or one of its steps; a handler in ``functions/`` only translates.
Stores, streams and executions are reached through the protocols of ``ports``, so everything here runs without AWS.

>>> from maestro.orchestration.naming import run_key
>>> run_key("acme", "01a2", "pass-0", "verdict.json")
'acme/runs/01a2/pass-0/verdict.json'
"""
