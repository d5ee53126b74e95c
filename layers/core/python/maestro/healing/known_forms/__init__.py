"""What a repair may do beyond renames, each by an exact form that one module knows.

The generator that writes a form and the gates that let it through read the same module, so that neither goes further
than the other. A module looks at syntax alone; what has another form is refused as a weakening or as a change of the
product.
"""
