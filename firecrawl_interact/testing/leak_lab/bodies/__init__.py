"""The programs that the scenarios run, each in a process of its own."""
