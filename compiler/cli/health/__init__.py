"""What `treadle doctor` looks at: a module for each subject, each a function that yields findings."""
