"""Floor 3: how long a record may live, what is due, and the search for plaintext that must not be there."""
