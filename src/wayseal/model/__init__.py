"""Floor 1: the words of the domain as frozen values. No I/O, no database, no cryptography, no codec."""
