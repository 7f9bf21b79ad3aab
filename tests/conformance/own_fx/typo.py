import helperr
def run(): return 1
