"""The expression language: the text between `${{` and `}}`, to a syntax tree, to a closure, to a typed value."""
