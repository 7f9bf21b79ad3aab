import bad
def run(): return 1
