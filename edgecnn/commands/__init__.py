"""The commands, a module each: its options, one library call, and how its result looks on a terminal."""
