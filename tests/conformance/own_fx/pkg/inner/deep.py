from ..helper import twice
def down(a): return twice(a)
