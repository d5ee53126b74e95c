"""Checks orders before they are taken."""

import jsonschema

SCHEMA = {
    "type": "object",
    "properties": {"customer": {"type": "string", "minLength": 1}, "amount": {"type": "integer"}},
    "required": ["customer", "amount"],
}


def problems(order):
    """Return what is wrong with an order, in words."""
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(order)]
