import functools
import asyncio

from runtime.hints import treadle_io


def plain(a, b=1, *, c=None): return a
def only_named(*, a, b=2): return a
def only_positional(a, b, /): return a
def mixed(a, b, /, c, *, d): return a
def rest(first, *others): return first
def named_rest(first, **others): return first
def nothing(): return None
async def later(a): return a
short = lambda a: a
part = functools.partial(plain, 1)
def outer():
    def inner(): return 1
    return inner
made = outer()


class Plain:
    def __init__(self, a, b=1): self.a = a
    def method(self): return self.a
    @staticmethod
    def static(a): return a
    @classmethod
    def build(cls, a): return cls(a)


class Empty: pass


class Derived(Plain): pass


class Caller:
    def __call__(self, a): return a


caller = Caller()


def wrap(function):
    @functools.wraps(function)
    def call(*args, **kwargs): return function(*args, **kwargs)
    return call


@wrap
def wrapped(a): return a


@functools.lru_cache
def cached(a): return a


@treadle_io(linear=0.5)
def hinted(a): return a


try:
    import fast_thing
except ImportError:
    fast_thing = None

if fast_thing:
    def maybe(a, b, c): return a
else:
    def maybe(a): return a


FACTOR = 2


@treadle_io(linear=FACTOR)
def computed_hint(a): return a


@treadle_io(linear=1, constant="1KiB")
def wrong_hint(a): return a
