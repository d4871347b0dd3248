"""make_program_stopper: a function for nodes that stops their whole program."""
