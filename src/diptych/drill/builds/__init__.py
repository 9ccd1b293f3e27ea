"""Builds with one defence removed, or with a thief inside: the same program, changed in one named place.

`python -m diptych.drill.builds CHANGE diptych ...` is `diptych ...` so changed. Each module has one `change()` and says what it
takes away. They exist to show that an attack can win.
"""
