"""Floor 3: the append-only record of every act, in formats that outsiders verify with tools that are not ours."""
