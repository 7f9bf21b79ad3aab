import importlib
def run(name): return importlib.import_module("steps." + name).run(1)
