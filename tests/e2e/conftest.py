"""One running stack for most of the end-to-end tests; its state is in a temporary folder."""

from support.stack import make_stack_fixture

stack = make_stack_fixture()
