"""What the golden manifests call: it takes anything."""


def g(*args: object, **kwargs: object) -> object:
    return args, kwargs
