"""The command line: one module for each command, which turns arguments into a call of a task, and that into output.

`main` finds the commands, `args` describes and parses what they take, `help` and `completion` print that table,
`console` speaks on stderr.
"""
