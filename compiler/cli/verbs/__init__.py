"""One module per verb: `DESCRIPTION`, `EPILOG`, `configure(parser)`, `run(args, console) -> exit code`."""
