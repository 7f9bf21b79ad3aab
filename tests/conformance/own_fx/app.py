def f(x, y=1):
    return x


def g(*xs, **kw):
    return xs


def greet(name, *, shout=False):
    return name


def nothing():
    return None
