"""Tasks done: user code and commands, within their time and memory, and what comes of them as values and failures."""
