"""Floor 4: the only rooms that join two packages of floor 3, one function per arrow of the data flow."""
