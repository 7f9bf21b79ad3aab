from . import helper
from .inner import deep
def work(a): return helper.twice(a)

