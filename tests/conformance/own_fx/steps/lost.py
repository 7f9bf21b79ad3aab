import steps.nowhere
def run(): return 1
